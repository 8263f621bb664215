"""Which stack holds which node groups: the cluster's has masters and default workers, the others have their own.

Pure: out of rows. Names follow from the rows alone.
"""

from collections.abc import Mapping

import msgspec

from magnum.drivers.base import DriverContext
from magnum.drivers.heat.desired import MASTER, WORKER
from magnum.drivers.heat.names import nodegroup_stack_name, stack_name
from magnum.drivers.heat.seen import Seen, SeenGroup
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node

ROLES = (MASTER, WORKER)


class NodeStack(msgspec.Struct, frozen=True):
    """`groups` by their roles in the stack; one of the cluster has both."""

    name: str
    groups: Mapping[str, NodeGroup]

    @property
    def is_of_cluster(self) -> bool:
        return MASTER in self.groups

    def nodes(self, context: DriverContext, role: str) -> list[Node]:
        group = self.groups.get(role)
        return [] if group is None else [node for node in context.nodes if node.nodegroup_uuid == group.uuid]


def cluster_stack(context: DriverContext) -> NodeStack:
    groups = {MASTER if group.is_master else WORKER: group for group in context.nodegroups if group.is_default}
    return NodeStack(stack_name(context.cluster.name, context.cluster.uuid), groups)


def stacks_of(context: DriverContext) -> tuple[NodeStack, ...]:
    """Give the cluster's first: the others live in its network."""
    others = (
        NodeStack(nodegroup_stack_name(context.cluster.name, group.name, group.uuid), {WORKER: group})
        for group in context.nodegroups
        if not group.is_default
    )
    return (cluster_stack(context), *others)


def changing_stacks(context: DriverContext) -> tuple[NodeStack, ...]:
    """Give those that the operation is about, even if they have no nodes."""
    about = {node.nodegroup_uuid for node in context.changing} | {context.operation.nodegroup_uuid}
    return tuple(stack for stack in stacks_of(context) if any(group.uuid in about for group in stack.groups.values()))


def group_in(seen: Seen, role: str) -> SeenGroup:
    return seen.masters if role == MASTER else seen.workers
