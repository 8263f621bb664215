"""The ledger: everything that was made, or may have been made, at a provider for a cluster.

Before a provider call that creates something its name stands here as ATTEMPTED; after the call, its id as PRESENT.
Delete works through the ledger, newest first; what is gone stays as a tombstone (GONE) until it has been looked for
once more after a quiet period, because a call can take effect long after its caller gave up.
"""

from enum import StrEnum

import msgspec

from .clocks import Instant


class ResourceState(StrEnum):
    ATTEMPTED = "ATTEMPTED"
    PRESENT = "PRESENT"
    GONE = "GONE"


class CloudResource(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `cloud_resource`. (cluster_uuid, kind, name) is unique; docs/ledger.md says how each kind is found."""

    id: int
    cluster_uuid: str
    kind: str
    name: str
    state: ResourceState
    provider_id: str | None = None
    attempted_at: Instant
