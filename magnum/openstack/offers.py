"""What somebody may use of a cloud: what is asked about, and what is known of it.

Two can tell: a cloud itself, asked with the requester's token (`cloud_offers`), and, where there is none, a file that
lists images and flavors and takes all else as given (`catalogue`).
"""

from collections.abc import Iterable
from enum import Enum
from typing import Annotated, NamedTuple, Protocol

import msgspec

_Positive = Annotated[int, msgspec.Meta(gt=0)]


class Kind(Enum):
    """What a template, a cluster or a node group can name. The value says what it is called in texts."""

    IMAGE = "an image"
    FLAVOR = "a flavor"
    KEY_PAIR = "a key pair"
    EXTERNAL_NETWORK = "an external network"
    NETWORK = "a network"
    SUBNET = "a subnet"
    VOLUME_TYPE = "a volume type"
    AVAILABILITY_ZONE = "an availability zone"
    LOAD_BALANCERS = "load balancers"
    """The service as a whole; there is no name to it."""


class Wish(NamedTuple):
    """Something by its id or its name."""

    kind: Kind
    ident: str


class Image(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What machines boot from. Without `os_distro` no driver can be chosen for it."""

    id: str
    name: str
    os_distro: str | None = None
    min_disk_gib: int = 0
    min_memory_mib: int = 0
    properties: dict[str, str] = {}


class Flavor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How large a machine is."""

    id: str
    name: str
    memory_mib: _Positive
    vcpus: _Positive
    disk_gib: int


class KeyPair(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    public_key: str


class Network(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    external: bool


class Subnet(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    network_id: str
    cidr: str
    ip_version: int


class VolumeType(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str


class Offers(Protocol):
    """All but `look` raise `openstack.errors.CloudError`: NotThere, Several, NotAllowed, Refused, Unanswered."""

    def look(self, wishes: Iterable[Wish]) -> None:
        """Look for all of these at once, so that each can be told without a wait."""
        ...

    def image(self, ident: str) -> Image: ...

    def flavor(self, ident: str) -> Flavor: ...

    def subnet(self, ident: str, network: str | None) -> object:
        """See to it that there is the subnet, on this network if one is named."""
        ...

    def require(self, wish: Wish) -> object:
        """See to it that there is such a thing."""
        ...
