"""Which machines a cluster is to have: new ones planned from the counts, and those that go chosen.

A machine that goes is first one that was asked for by name, then one whose set-up failed, then one that was never set
up, then whichever the driver can spare best. Numbers, and with them names, are never used twice.

Both steps compare what is asked for with the rows and change the difference, so they may run any number of times.
"""

import random
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.conductor.events import record
from magnum.db import nodes
from magnum.drivers.base import Driver
from magnum.model.clusters import Cluster
from magnum.model.events import EventLevel
from magnum.model.failures import Code, Fatal
from magnum.model.names import new_uuid, node_name
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import ResizeNodeGroup
from magnum.model.outcomes import Done, Outcome

_NAMES_IN_A_SENTENCE = 10


def plan_nodes(context: StepContext) -> Outcome:
    """Plan the nodes that the node groups of a new cluster lack, or the new node group that the operation is about."""
    about = context.operation.nodegroup_uuid

    def plan(tx: Connection) -> None:
        for group in context.nodegroups:
            if about not in (None, group.uuid):
                continue
            missing = group.node_count - sum(node.nodegroup_uuid == group.uuid for node in context.nodes)
            add_nodes(tx, context.cluster, group, missing, context.services.randomness)

    context.write(plan)
    return Done()


def change_nodes(context: StepContext, driver: Driver, wanted: ResizeNodeGroup) -> Outcome:
    """Mark the nodes of a group that go, and plan those that come."""
    group = find_group(context.nodegroups, wanted.nodegroup_uuid)
    own = [node for node in context.nodes if node.nodegroup_uuid == group.uuid]
    staying = [node for node in own if node.state is not NodeState.REMOVING]
    named, unknown = _named(own, wanted.nodes_to_remove)
    leaving = [node for node in staying if node in named or node.state is NodeState.FAILED]
    staying = [node for node in staying if node not in leaving]
    leaving += _spared(context, driver, staying, len(staying) - wanted.node_count)
    missing = wanted.node_count - len(staying)

    def change(tx: Connection) -> None:
        for node in leaving:
            nodes.save(tx, msgspec.structs.replace(node, state=NodeState.REMOVING))
        add_nodes(tx, context.cluster, group, missing, context.services.randomness)
        if leaving:
            record(tx, context.operation, "cluster.nodes", f"{_listed(leaving)} will be removed.")
        if unknown:
            text = f"No node of {group.name} is called {', '.join(unknown)}; nothing is removed for that."
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


def _named(own: Sequence[Node], wanted: Sequence[str]) -> tuple[list[Node], list[str]]:
    """Find nodes by any of the words that their owner may know them by; give those found, and words that fit none."""
    words = {node.uuid: {node.uuid, node.name, node.address, node.member_id} for node in own}
    found = [node for node in own if words[node.uuid] & set(wanted)]
    known = set().union(*words.values())
    return found, [word for word in wanted if word not in known]


def _spared(context: StepContext, driver: Driver, staying: Sequence[Node], count: int) -> list[Node]:
    if count <= 0:
        return []
    idle = sorted((node for node in staying if node.state is NodeState.PLANNED), key=lambda node: -node.number)
    if len(idle) < count:
        idle += driver.removal_order(context, [node for node in staying if node not in idle])
    return idle[:count]


def _listed(found: Sequence[Node]) -> str:
    names = [node.name for node in found[:_NAMES_IN_A_SENTENCE]]
    more = len(found) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
