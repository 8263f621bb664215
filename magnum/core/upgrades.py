"""Upgrade a node group to a template: the default groups together to any that fits, others to the cluster's own.

The cluster names the new template from the request on, so nobody can delete it meanwhile, and whoever reads the cluster
right after sees what it is to become. If the provider refuses, the conductor puts the old one back.
"""

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, nodegroups, operations
from magnum.drivers.base import Feature
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.names import new_uuid
from magnum.model.nodegroups import NodeGroup
from magnum.model.operations import UpgradeNodeGroup
from magnum.model.requesters import Requester
from magnum.model.statuses import RESIZABLE, STEADY

from . import fields
from .changes import ask
from .clusters import Guard, find_group, read_guarded
from .drivers import check_request, find_driver, made_by, require_feature
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
    current = check_fit(service, tx, cluster, template)
    ask(
        service,
        tx,
        requester,
        uuid=operation_uuid,
        cluster=cluster,
        arguments=UpgradeNodeGroup(group.uuid, current.uuid, template.uuid, max_batch_size),
        event="cluster.upgrade",
        text=f"The upgrade of the node group {group.name} to the template {template.name} was asked for.",
        group=group,
    )
    clusters.update(tx, cluster.uuid, cluster_template_id=template.uuid)


def check_group(cluster: Cluster, group: NodeGroup, template: ClusterTemplate) -> None:
    """Refuse where the node group cannot be brought to the template."""
    if group.status is not None and group.status not in RESIZABLE:
        raise InvalidRequest(f"The node group {group.name} is {group.status}, so it cannot be upgraded now.")
    if not group.is_default and template.uuid != cluster.cluster_template_id:
        raise Conflict(
            f"The node group {group.name} can only be upgraded to the cluster's own template, "
            f"{cluster.cluster_template_id}."
        )


def check_fit(service: Service, tx: Connection, cluster: Cluster, wanted: ClusterTemplate) -> ClusterTemplate:
    """Refuse to make something else of the cluster, or what its driver cannot make; gives its present template."""
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
    request = request_of(
        cluster,
        wanted,
        labels=cluster.labels | wanted.labels,  # what the new template says of versions is what the cluster is to have
        master_count=sum(group.node_count for group in groups if group.is_master),
        node_count=sum(group.node_count for group in groups if not group.is_master),
    )
    check_request(spec, request)
    return current
