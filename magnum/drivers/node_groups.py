"""Which nodes of an operation are which: those of a group, those that stay, those that go. Pure."""

from magnum.drivers.base import DriverContext
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node, NodeState


def group_of(context: DriverContext, node: Node) -> NodeGroup:
    return next(group for group in context.nodegroups if group.uuid == node.nodegroup_uuid)


def staying(context: DriverContext) -> list[Node]:
    return [node for node in context.changing if node.state is not NodeState.REMOVING]


def leaving(context: DriverContext) -> list[Node]:
    return [node for node in context.changing if node.state is NodeState.REMOVING]
