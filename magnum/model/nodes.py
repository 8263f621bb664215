"""Nodes: the single machines of a cluster, and what each has reported of itself."""

from enum import StrEnum

import msgspec

from .clocks import Instant


class NodeState(StrEnum):
    """What we want with a node and how far it is."""

    PLANNED = "PLANNED"
    REPORTED = "REPORTED"  # its node program has ended well
    FAILED = "FAILED"  # its node program has ended badly: `report` says where and how
    JOINED = "JOINED"  # a member of the cluster
    REMOVING = "REMOVING"  # chosen to go; never chosen anew


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `node`. `number` counts within its node group and is never used twice in a cluster's life.

    `address` is where other nodes reach it; `floating_address`, where anybody else does, if not there. Its provider
    knows its machine by `server_id`, the cluster's own API knows it by `member_id`. `failed_step` and `report` are what
    the node program said (bounded, printable).
    """

    uuid: str
    cluster_uuid: str
    nodegroup_uuid: str
    number: int
    name: str
    role: str
    state: NodeState = NodeState.PLANNED
    address: str | None = None
    floating_address: str | None = None
    server_id: str | None = None
    member_id: str | None = None
    failed_step: str | None = None
    report: str | None = None
    reported_at: Instant | None = None

    @property
    def reached_at(self) -> str | None:
        """Give the address at which we, and owners, reach it."""
        return self.floating_address or self.address
