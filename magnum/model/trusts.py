"""How a service trust stands on the ledger.

Keystone chooses its id, and takes no name for it. So its entry says who gives it, and where: that is how one is found
whose maker has died before it could write the id down.
"""

import msgspec

TRUST = "trust"
"""The kind of resource on the ledger."""
TRUSTEE = "trustee"
"""The kind of the user that a cluster has of its own; its name is the entry's."""
TRUSTEE_TRUST = "trustee-trust"
"""The kind of the trust to that user; its name is the user's."""
TRUST_EVENT = "cluster.trust"
"""The kind of events about it."""


class TrustName(msgspec.Struct, frozen=True):
    """`request` makes each attempt an entry of its own."""

    trustor: str
    project_id: str
    request: str

    def __str__(self) -> str:
        return f"{self.trustor}/{self.project_id}/{self.request}"

    @classmethod
    def parse(cls, name: str) -> "TrustName":
        return cls(*name.split("/"))
