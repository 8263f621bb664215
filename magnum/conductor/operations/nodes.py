"""Which machines a cluster is to have: new ones planned from the counts, and those that go marked.

Which go is chosen by `core.node_choice`, and among working ones by the driver. Numbers, and with them names, are never
used twice.

Both steps compare what is asked for with the rows and change the difference, so they may run any number of times.
"""

import random
from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.conductor.events import record
from magnum.core.node_choice import choose_nodes
from magnum.db import credentials, ledger, nodes
from magnum.drivers.base import Driver
from magnum.model.clusters import Cluster
from magnum.model.events import EventLevel
from magnum.model.failures import Code, Fatal
from magnum.model.ledger import ResourceState
from magnum.model.names import new_uuid, node_name
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import ResizeNodeGroup
from magnum.model.outcomes import Done, Outcome

_NAMES_IN_A_SENTENCE = 10


def plan_nodes(context: StepContext) -> Outcome:
    """Plan the nodes that node groups lack: those of a new cluster, or the new group that the operation is about.

    Where this has failed before, new ones are planned for the lost.
    """
    about, run_out = context.operation.nodegroup_uuid, _run_out(context)

    def plan(tx: Connection) -> None:
        for group in context.nodegroups:
            if about not in (None, group.uuid):
                continue
            choice = choose_nodes(_of(group, context.nodes), group.node_count, run_out=run_out)
            _remove(tx, context, choice.leaving)
            add_nodes(tx, context.cluster, group, choice.coming, context.services.randomness)

    context.write(plan)
    return Done()


def change_nodes(context: StepContext, driver: Driver, wanted: ResizeNodeGroup) -> Outcome:
    """Mark the nodes of a group that go, and plan those that come."""
    group = find_group(context.nodegroups, wanted.nodegroup_uuid)
    choice = choose_nodes(
        _of(group, context.nodes), wanted.node_count, named=wanted.nodes_to_remove, run_out=_run_out(context)
    )
    leaving = [*choice.leaving]
    if choice.undecided:
        leaving += driver.removal_order(context, choice.working)[: choice.undecided]

    def change(tx: Connection) -> None:
        _remove(tx, context, leaving)
        add_nodes(tx, context.cluster, group, choice.coming, context.services.randomness)
        if choice.unknown:
            text = f"No node of {group.name} is called {', '.join(choice.unknown)}; nothing is removed for that."
            record(tx, context.operation, "cluster.nodes", text, EventLevel.WARNING)

    context.write(change)
    return Done()


def remove_nodes(context: StepContext, nodegroup_uuid: str) -> Outcome:
    """Mark all nodes of a group that goes."""
    leaving = [
        node for node in context.nodes if node.nodegroup_uuid == nodegroup_uuid and node.state is not NodeState.REMOVING
    ]

    def mark(tx: Connection) -> None:
        for node in leaving:
            nodes.save(tx, msgspec.structs.replace(node, state=NodeState.REMOVING))

    context.write(mark)
    return Done()


def replace_nodes(context: StepContext, dead: Sequence[str]) -> Outcome:
    """Mark nodes that have died, by UUID, and plan others in their place, and in that of others that are lost."""
    run_out = _run_out(context)

    def replace(tx: Connection) -> None:
        for group in context.nodegroups:
            choice = choose_nodes(_of(group, context.nodes), group.node_count, named=dead, run_out=run_out)
            _remove(tx, context, choice.leaving)
            add_nodes(tx, context.cluster, group, choice.coming, context.services.randomness)

    context.write(replace)
    return Done()


def undo_plan(tx: Connection, context: StepContext, nodegroup_uuid: str, count: int) -> None:
    """Bring the plan of a group back to a count: forget nodes that nobody has asked for, keep those that were to go."""
    uuid = context.cluster.uuid
    machines = {row.name: row.state for row in ledger.of_cluster(tx, uuid)}
    own = [node for node in nodes.of_cluster(tx, uuid) if node.nodegroup_uuid == nodegroup_uuid]
    kept = [node for node in own if node.state is not NodeState.REMOVING]
    leaving = [node for node in own if node.state is NodeState.REMOVING]
    returning = [node for node in leaving if machines.get(node.name) is not ResourceState.GONE]
    for node in reversed(own):
        is_ours = node.state is NodeState.PLANNED and machines.get(node.name) is not ResourceState.PRESENT
        if is_ours and len(kept) + len(returning) > count:
            nodes.delete(tx, node.uuid)
            kept.remove(node)
    for node in reversed(returning):
        if len(kept) < count:
            nodes.save(tx, msgspec.structs.replace(node, state=_state_before(node)))
            kept.append(node)


def find_group(groups: Sequence[NodeGroup], uuid: str) -> NodeGroup:
    for group in groups:
        if group.uuid == uuid:
            return group
    raise Fatal(Code.PROVIDER_REFUSED, f"The node group {uuid} does not exist any more.")


def add_nodes(tx: Connection, cluster: Cluster, group: NodeGroup, count: int, randomness: random.Random) -> None:
    for _ in range(count):
        number = nodes.next_number(tx, group.uuid)
        nodes.insert(
            tx,
            Node(
                uuid=new_uuid(randomness),
                cluster_uuid=cluster.uuid,
                nodegroup_uuid=group.uuid,
                number=number,
                name=node_name(cluster.name, cluster.uuid, group.name, number),
                role=group.role,
            ),
        )


def _of(group: NodeGroup, members: Iterable[Node]) -> list[Node]:
    return [node for node in members if node.nodegroup_uuid == group.uuid]


def _run_out(context: StepContext) -> frozenset[str]:
    return context.services.database.read(lambda tx: credentials.run_out(tx, context.cluster.uuid))


def _state_before(node: Node) -> NodeState:
    if node.member_id is not None:
        return NodeState.JOINED
    if node.failed_step is not None:
        return NodeState.FAILED
    return NodeState.PLANNED if node.reported_at is None else NodeState.REPORTED


def _remove(tx: Connection, context: StepContext, leaving: Sequence[Node]) -> None:
    for node in leaving:
        nodes.save(tx, msgspec.structs.replace(node, state=NodeState.REMOVING))
    if leaving:
        record(tx, context.operation, "cluster.nodes", f"{_listed(leaving)} will be removed.")


def _listed(found: Sequence[Node]) -> str:
    names = [node.name for node in found[:_NAMES_IN_A_SENTENCE]]
    more = len(found) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
