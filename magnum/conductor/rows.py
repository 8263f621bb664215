"""All that is known of a cluster, read at the start of a step in one transaction.

A swept cluster has no rows any more; what its operation remembers is given in their shape, so that a driver looks for
its remains with the same steps that took it down.
"""

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, clustertemplates, nodegroups, nodes, operations
from magnum.db.engine import Database
from magnum.db.errors import NotFound
from magnum.model.clocks import Instant
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate, read_coe
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node
from magnum.model.operations import Operation, SweepCluster
from magnum.model.statuses import Status


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """`template` is None when the cluster names one that is not there, as adopted rows may.

    Nodes are in the order of their node groups, masters first, and of their numbers.
    """

    cluster: Cluster
    template: ClusterTemplate | None
    nodegroups: tuple[NodeGroup, ...] = ()
    nodes: tuple[Node, ...] = ()


class Rows(Known, frozen=True, kw_only=True):
    """The same with the operation that is about it. `now` is database time."""

    now: Instant
    operation: Operation


def read_rows(tx: Connection, operation_uuid: str) -> Rows:
    operation = operations.get(tx, operation_uuid)
    uuid = operation.cluster_uuid
    if isinstance(operation.arguments, SweepCluster):
        return _remembered(uuid, operation, operation.arguments, Database.now(tx))
    known = read_known(tx, uuid)
    return Rows(
        now=Database.now(tx),
        operation=operation,
        cluster=known.cluster,
        template=known.template,
        nodegroups=known.nodegroups,
        nodes=known.nodes,
    )


def read_known(tx: Connection, uuid: str) -> Known:
    cluster = clusters.read(tx, uuid)
    groups = nodegroups.of_cluster(tx, uuid)
    order = {group.uuid: index for index, group in enumerate(groups)}
    members = nodes.of_cluster(tx, uuid)
    return Known(
        cluster=cluster,
        template=_template(tx, cluster.cluster_template_id),
        nodegroups=groups,
        nodes=tuple(sorted(members, key=lambda node: (order.get(node.nodegroup_uuid, len(order)), node.number))),
    )


def _template(tx: Connection, uuid: str | None) -> ClusterTemplate | None:
    if uuid is None:
        return None
    try:
        return clustertemplates.read(tx, uuid)
    except NotFound:
        return None


def _remembered(uuid: str, operation: Operation, known: SweepCluster, now: Instant) -> Rows:
    cluster = Cluster(
        uuid=uuid,
        name=known.name,
        project_id=known.project_id,
        user_id=known.user_id,
        cluster_template_id=None,
        status=Status.DELETE_COMPLETE,
        stack_id=known.stack_id,
        trust_id=known.trust_id,
    )
    template = ClusterTemplate(
        uuid=uuid,
        name=None,
        project_id=known.project_id,
        user_id=known.user_id,
        coe=read_coe(known.coe),
        image_id=None,
        cluster_distro=known.os,
        server_type=known.server_type,
        driver=known.driver,
    )
    return Rows(now=now, operation=operation, cluster=cluster, template=template)
