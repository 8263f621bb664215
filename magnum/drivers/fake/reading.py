"""What the fake driver reads out of rows and out of its cloud, and how it says it. Pure."""

from collections.abc import Sequence

import msgspec

from magnum.drivers.base import DriverContext
from magnum.model.clocks import MICROSECONDS
from magnum.model.clustertemplates import Coe
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node, NodeState
from magnum.model.outcomes import Wait

from .behaviour import VERSION, VERSION_LABEL
from .cloud import NETWORK, Thing

_API = {
    Coe.KUBERNETES: "https://{}:6443",
    Coe.SWARM: "tcp://{}:2376",
    Coe.SWARM_MODE: "tcp://{}:2376",
    Coe.MESOS: "http://{}:5050",
    Coe.DCOS: "https://{}:443",
}
_SHORTEST_WAIT = 0.02
_LONGEST_WAIT = 5.0
_NAMES_IN_A_SENTENCE = 5


def api_address(context: DriverContext, things: Sequence[Thing]) -> str | None:
    network = next((thing for thing in things if thing.kind == NETWORK), None)
    if network is None:
        return None
    pattern = _API.get(Coe(context.template.coe), "https://{}")
    return pattern.format(f"203.0.113.{1 + network.id % 254}")


def reported(node: Node, machine: Thing) -> Node:
    """Give the node as its own report would leave it, where machines are real."""
    state = NodeState.REPORTED if machine.broken_step is None else NodeState.FAILED
    return msgspec.structs.replace(
        node,
        state=state,
        failed_step=machine.broken_step,
        report=machine.broken_text,
        reported_at=machine.ready_at,
    )


def listed(things: Sequence[Thing]) -> str:
    """Name a few, as far as a sentence can hold them."""
    names = ", ".join(thing.name for thing in things[:_NAMES_IN_A_SENTENCE])
    more = len(things) - _NAMES_IN_A_SENTENCE
    return f"{names} and {more} more" if more > 0 else names


def wanted_version(context: DriverContext, node: Node) -> str:
    group = next(group for group in context.nodegroups if group.uuid == node.nodegroup_uuid)
    return (context.cluster.labels | group.labels).get(VERSION_LABEL, VERSION)


def labels_of(group: NodeGroup) -> str:
    return msgspec.json.encode((group.node_labels, group.node_taints), order="sorted").decode()


def microseconds(seconds: float) -> int:
    return round(seconds * MICROSECONDS)


def wait(microseconds: int, reason: str) -> Wait:
    return Wait(min(_LONGEST_WAIT, max(_SHORTEST_WAIT, microseconds / MICROSECONDS)), reason)
