"""Upgrade a node group to a template: the default groups together to any that fits, others to the cluster's own.

From the request on the cluster names the new template, so nobody can delete it meanwhile, and the upgraded groups have
its labels over their own, and default ones its image: whoever reads them right after sees what they are to become, and
nodes that come later are like that. If the provider refuses, the conductor puts all of it back.

What the new template changes stays as it is for the other groups: where they had it from the cluster, or from nobody,
they get it as a label of their own.
"""

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, nodegroups, operations
from magnum.drivers.base import DriverSpec, Feature
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.names import new_uuid
from magnum.model.nodegroups import NodeGroup
from magnum.model.operations import MadeFrom, UpgradeNodeGroup
from magnum.model.requesters import Requester
from magnum.model.statuses import RESIZABLE, STEADY

from . import fields
from .changes import ask
from .clusters import Guard, find_group, read_guarded
from .drivers import check_change, check_request, find_driver, group_change, made_by, require_feature
from .errors import Conflict, InvalidRequest
from .new_clusters import find_template, hold_template, request_of
from .service import Service
from .statuses import check_status


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    cluster_template: fields.Text
    max_batch_size: fields.BatchSize | None = None
    nodegroup: fields.Text | None = None


def upgrade(service: Service, requester: Requester, uuid: str, asked: Upgrade, *, guard: Guard | None = None) -> None:
    template = find_template(service, requester, asked.cluster_template, is_404=True)
    operation_uuid = new_uuid(service.randomness)

    def run(tx: Connection) -> None:
        operations.lock(tx, uuid)
        cluster = read_guarded(service, tx, uuid, guard)
        check_status(cluster, STEADY, "upgraded")
        start_upgrade(
            service,
            tx,
            requester,
            cluster=cluster,
            group=find_group(tx, cluster, asked.nodegroup),
            template=template,
            max_batch_size=asked.max_batch_size,
            operation_uuid=operation_uuid,
        )

    service.database.write(run)
    service.wake()


def start_upgrade(
    service: Service,
    tx: Connection,
    requester: Requester,
    *,
    cluster: Cluster,
    group: NodeGroup,
    template: ClusterTemplate,
    max_batch_size: int | None,
    operation_uuid: str,
) -> None:
    """Write down an upgrade that the cluster's status allows. Call it under the cluster's lock."""
    check_group(cluster, group, template)
    hold_template(tx, template)
    change = check_fit(service, tx, cluster, group, template)
    changing = [(one, after) for one, after in change.groups if one != after]
    before = {cluster.uuid: MadeFrom(cluster.labels)} if change.labels != cluster.labels else {}
    before |= {one.uuid: MadeFrom(one.labels, one.image_id) for one, _ in changing}
    ask(
        service,
        tx,
        requester,
        uuid=operation_uuid,
        cluster=cluster,
        arguments=UpgradeNodeGroup(group.uuid, change.template.uuid, template.uuid, max_batch_size, before),
        event="cluster.upgrade",
        text=f"The upgrade of the node group {group.name} to the template {template.name} was asked for.",
        group=group,
    )
    clusters.update(tx, cluster.uuid, cluster_template_id=template.uuid, labels=change.labels)
    for _, after in changing:
        nodegroups.update(tx, after.uuid, labels=after.labels, image_id=after.image_id)


def check_group(cluster: Cluster, group: NodeGroup, template: ClusterTemplate) -> None:
    """Refuse where the node group cannot be brought to the template."""
    if group.status is not None and group.status not in RESIZABLE:
        raise InvalidRequest(f"The node group {group.name} is {group.status}, so it cannot be upgraded now.")
    if not group.is_default and template.uuid != cluster.cluster_template_id:
        raise Conflict(
            f"The node group {group.name} can only be upgraded to the cluster's own template, "
            f"{cluster.cluster_template_id}."
        )


class Change(msgspec.Struct, frozen=True):
    """What an upgrade makes of a cluster: the template that it has now, the labels and groups that it gets."""

    template: ClusterTemplate
    labels: dict[str, str]
    groups: tuple[tuple[NodeGroup, NodeGroup], ...]
    """Each as it is and as it is to be."""


def check_fit(service: Service, tx: Connection, cluster: Cluster, group: NodeGroup, wanted: ClusterTemplate) -> Change:
    """Refuse to make something else of the cluster, or what its driver cannot make."""
    current, spec = made_by(service, tx, cluster)
    require_feature(spec, Feature.UPGRADE)
    for name in ("coe", "server_type", "tls_disabled"):
        before, after = getattr(current, name), getattr(wanted, name)
        if before != after:
            raise InvalidRequest(
                f"The {name} of the cluster is {before}: it cannot be upgraded to a template of {after}."
            )
    wanted_spec = find_driver(service, wanted)
    if spec.name != wanted_spec.name:
        raise InvalidRequest(f"The cluster is made by the driver {spec.name}, the template is for {wanted_spec.name}.")
    groups = nodegroups.of_cluster(tx, cluster.uuid)
    labels = cluster.labels | wanted.labels if group.is_default else cluster.labels
    change = Change(current, labels, tuple((one, _upgraded(one, cluster, group, wanted, spec)) for one in groups))
    counts = {
        "master_count": sum(one.node_count for one in groups if one.is_master),
        "node_count": sum(one.node_count for one in groups if not one.is_master),
    }
    request = request_of(cluster, wanted, labels=labels, **counts)
    check_request(spec, request)
    check_change(
        spec,
        request_of(cluster, current, labels=cluster.labels, **counts),
        request,
        [group_change(cluster, one, labels=labels, after=after) for one, after in change.groups],
    )
    return change


def _upgraded(
    one: NodeGroup, cluster: Cluster, asked: NodeGroup, template: ClusterTemplate, spec: DriverSpec
) -> NodeGroup:
    """Give a group as it is to be. The default groups go together."""
    if asked.is_default and one.is_default:
        return msgspec.structs.replace(one, labels=one.labels | template.labels, image_id=template.image_id)
    if one.uuid == asked.uuid:
        return msgspec.structs.replace(one, labels=one.labels | template.labels)
    if not asked.is_default:
        return one
    before = {**spec.labels, **cluster.labels, **one.labels}
    kept = {name: before[name] for name, new in template.labels.items() if before.get(name, new) != new}
    return msgspec.structs.replace(one, labels=one.labels | kept)
