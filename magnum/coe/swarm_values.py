"""The values of a swarm, and how the Docker engine's API writes them.

The first half is what our own code reads; the second, with the engine's names, ends in it. What an engine leaves out is
empty.
"""

from typing import Any
from urllib.parse import urlsplit

import msgspec


class SwarmInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An engine's own view; `state` is inactive, pending, active, error or locked."""

    name: str
    version: str
    state: str
    node_id: str
    address: str
    is_manager: bool
    error: str

    @property
    def active(self) -> bool:
        return self.state == "active"


class JoinTokens(msgspec.Struct, frozen=True, rename="pascal"):
    """What lets an engine into the swarm, by the role that it gets."""

    worker: str
    manager: str

    def __repr__(self) -> str:
        return "JoinTokens(…)"


class SwarmNode(msgspec.Struct, frozen=True, kw_only=True):
    """A member as the managers see it.

    `role` is the one that it should have, manager or worker; `availability` is active, pause or drain; `state` is
    ready, down, unknown or disconnected. `reachability` is reachable, unreachable or unknown for one that takes part in
    the managers' decisions, and empty for any other: one that was promoted just now is not yet there.
    """

    id: str
    hostname: str
    role: str
    availability: str
    state: str
    address: str
    leader: bool
    reachability: str


class SwarmTask(msgspec.Struct, frozen=True, kw_only=True):
    """One container that a service has placed on a node."""

    id: str
    node_id: str
    service_id: str
    state: str


class _Wire(msgspec.Struct, frozen=True, rename="pascal"):
    """As the engine writes it; what it leaves out is empty."""


class WireRefusal(msgspec.Struct, frozen=True):
    message: str


class WireVersion(_Wire, frozen=True):
    version: str


class _LocalSwarm(_Wire, frozen=True):
    node_id: str = msgspec.field(name="NodeID", default="")
    node_addr: str = ""
    local_node_state: str = "inactive"
    control_available: bool = False
    error: str = ""


class WireInfo(_Wire, frozen=True):
    name: str
    server_version: str
    swarm: _LocalSwarm = _LocalSwarm()

    def shown(self) -> SwarmInfo:
        return SwarmInfo(
            name=self.name,
            version=self.server_version,
            state=self.swarm.local_node_state,
            node_id=self.swarm.node_id,
            address=self.swarm.node_addr,
            is_manager=self.swarm.control_available,
            error=self.swarm.error,
        )


class WireSwarm(_Wire, frozen=True):
    join_tokens: JoinTokens


class _Index(_Wire, frozen=True):
    index: int


class WireWholeNode(_Wire, frozen=True):
    version: _Index
    spec: dict[str, Any]


class _Spec(_Wire, frozen=True):
    role: str
    availability: str


class _Description(_Wire, frozen=True):
    hostname: str = ""


class _NodeStatus(_Wire, frozen=True):
    state: str
    addr: str = ""


class _ManagerStatus(_Wire, frozen=True):
    leader: bool = False
    reachability: str = ""
    addr: str = ""


class WireNode(_Wire, frozen=True):
    id: str = msgspec.field(name="ID")
    spec: _Spec
    status: _NodeStatus
    description: _Description = _Description()
    manager_status: _ManagerStatus | None = None

    def shown(self) -> SwarmNode:
        """A manager's own address is the one that it advertises: engines may see it under 0.0.0.0."""
        manager = self.manager_status or _ManagerStatus()
        advertised = urlsplit(f"//{manager.addr}").hostname
        return SwarmNode(
            id=self.id,
            hostname=self.description.hostname,
            role=self.spec.role,
            availability=self.spec.availability,
            state=self.status.state,
            address=advertised or self.status.addr,
            leader=manager.leader,
            reachability=manager.reachability,
        )


class _TaskStatus(_Wire, frozen=True):
    state: str


class WireTask(_Wire, frozen=True):
    id: str = msgspec.field(name="ID")
    status: _TaskStatus
    node_id: str = msgspec.field(name="NodeID", default="")
    service_id: str = msgspec.field(name="ServiceID", default="")

    def shown(self) -> SwarmTask:
        return SwarmTask(id=self.id, node_id=self.node_id, service_id=self.service_id, state=self.status.state)
