"""The kinds of values that requests are made of, with their bounds.

A bound is a promise of the service and holds however a request arrives. `description` completes the sentence "name must
be …", which is what a person reads who breaks it. Whether a text can be stored at all is for the database to say.
"""

import uuid
from typing import Annotated, Literal

from msgspec import Meta

from magnum.model.clustertemplates import Coe, ServerType
from magnum.model.statuses import HealthStatus

MOST_NODES = 10_000
"""More machines than any engine takes in one group: a mistyped count must not keep a conductor busy for days."""
_LARGEST = 2**31 - 1
_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_ADDRESS = rf"{_OCTET}(\.{_OCTET}){{3}}"

Text = Annotated[str, Meta(min_length=1, max_length=255, description="a text of 1 to 255 characters")]
AnyText = Annotated[str, Meta(max_length=255, description="a text of at most 255 characters")]
ClusterName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=242,
        pattern=r"^[a-zA-Z][a-zA-Z0-9_.-]*$",
        description="1 to 242 letters, digits, underscores, hyphens and dots, and begin with a letter",
    ),
]
Nameservers = Annotated[
    str,
    Meta(
        max_length=255,
        pattern=rf"^{_ADDRESS}(, ?{_ADDRESS})*$",
        description="an IPv4 address, or several with commas between",
    ),
]
Pem = Annotated[
    str,
    Meta(min_length=1, max_length=65_535, description="a text in PEM format", extra={"lines": True}),
]
Flag = Annotated[bool, Meta(description="true or false")]
Uuid = Annotated[uuid.UUID, Meta(description="a UUID")]
Labels = Annotated[dict[str, str], Meta(description="an object whose values are texts, numbers or booleans")]
Gigabytes = Annotated[int, Meta(ge=1, le=_LARGEST, description="a whole number of at least 1")]
Minutes = Annotated[int, Meta(ge=0, le=_LARGEST, description="a whole number of minutes, 0 for no limit")]
Limit = Annotated[int, Meta(ge=0, le=_LARGEST, description="a whole number of at least 0")]
QuotaResource = Annotated[Literal["Cluster"], Meta(description="Cluster")]
Port = Annotated[int, Meta(ge=1024, le=65535, description="a whole number from 1024 to 65535")]
BatchSize = Annotated[int, Meta(ge=1, le=MOST_NODES, description=f"a whole number from 1 to {MOST_NODES}")]
NodeCount = Annotated[int, Meta(ge=0, le=MOST_NODES, description=f"a whole number from 0 to {MOST_NODES}")]
OneNode = Annotated[int, Meta(ge=1, le=MOST_NODES, description=f"a whole number from 1 to {MOST_NODES}")]
MasterCount = Annotated[int, Meta(ge=1, le=MOST_NODES, description=f"a whole number from 1 to {MOST_NODES}")]
AnyCoe = Annotated[Coe, Meta(description=f"one of {', '.join(Coe)}")]
AnyServerType = Annotated[ServerType, Meta(description=f"one of {', '.join(ServerType)}")]
Health = Annotated[HealthStatus, Meta(description=f"one of {', '.join(HealthStatus)}")]
Taints = Annotated[
    tuple[dict[str, str], ...],
    Meta(max_length=100, description="a list of at most 100 objects with the texts key, effect and value"),
]
Members = Annotated[
    tuple[Text, ...], Meta(max_length=100, description="a list of at most 100 texts of 1 to 255 characters")
]
NodeNames = Annotated[
    tuple[Text, ...], Meta(max_length=MOST_NODES, description="a list of texts of 1 to 255 characters")
]
