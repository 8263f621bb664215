"""Upgrade a node group to a template: the default groups together to any that fits, others to the cluster's own.

The cluster names the new template from the request on, so nobody can delete it meanwhile, and whoever reads the cluster
right after sees what it is to become. If the provider refuses, the conductor puts the old one back.
"""

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, events, nodegroups, operations
from magnum.drivers.base import Feature
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.names import new_uuid
from magnum.model.operations import UpgradeNodeGroup
from magnum.model.requesters import Requester
from magnum.model.statuses import RESIZABLE, STEADY, StatusEvent

from . import fields
from .clusters import Guard, find_group, read_guarded
from .drivers import find_driver, made_by, require_feature
from .errors import Conflict, InvalidRequest
from .new_clusters import find_template, hold_template
from .operations import new_event, new_operation
from .service import Service
from .statuses import check_status, started


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    cluster_template: fields.Text
    max_batch_size: fields.BatchSize | None = None
    nodegroup: fields.Text | None = None


def upgrade(service: Service, requester: Requester, uuid: str, asked: Upgrade, *, guard: Guard | None = None) -> None:
    template = find_template(service, requester, asked.cluster_template, is_404=True)
    operation_uuid = new_uuid(service.randomness)

    def run(tx: Connection) -> None:
        operations.lock(tx, uuid)
        cluster = read_guarded(tx, uuid, guard)
        check_status(cluster, STEADY, "upgraded")
        group = find_group(tx, cluster, asked.nodegroup)
        if group.status is not None and group.status not in RESIZABLE:
            raise InvalidRequest(f"The node group {group.name} is {group.status}, so it cannot be upgraded now.")
        if not group.is_default and template.uuid != cluster.cluster_template_id:
            raise Conflict(
                f"The node group {group.name} can only be upgraded to the cluster's own template, "
                f"{cluster.cluster_template_id}."
            )
        hold_template(tx, template)
        current, spec = made_by(service, tx, cluster)
        require_feature(spec, Feature.UPGRADE)
        _check_fit(service, current, template)
        arguments = UpgradeNodeGroup(group.uuid, current.uuid, asked.max_batch_size)
        operation = new_operation(
            service,
            tx,
            requester,
            uuid=operation_uuid,
            cluster_uuid=uuid,
            arguments=arguments,
            minutes=service.settings.conductor.update_timeout,
        )
        operations.enqueue(tx, operation)
        status = started(cluster.status, StatusEvent.UPDATE_STARTED)
        clusters.update(tx, uuid, cluster_template_id=template.uuid, status=status, status_reason=None)
        group_status = started(group.status, StatusEvent.UPDATE_STARTED)
        nodegroups.update(tx, group.uuid, status=group_status, status_reason=None)
        operations.touch(tx, uuid)
        text = f"The upgrade of the node group {group.name} to the template {template.name} was asked for."
        events.insert(tx, new_event(operation, "cluster.upgrade", text))

    service.database.write(run)
    service.wake()


def _check_fit(service: Service, current: ClusterTemplate, wanted: ClusterTemplate) -> None:
    """Refuse to make something else of the cluster."""
    for name in ("coe", "server_type", "tls_disabled"):
        before, after = getattr(current, name), getattr(wanted, name)
        if before != after:
            raise InvalidRequest(
                f"The {name} of the cluster is {before}: it cannot be upgraded to a template of {after}."
            )
    spec, wanted_spec = find_driver(service, current), find_driver(service, wanted)
    if spec.name != wanted_spec.name:
        raise InvalidRequest(f"The cluster is made by the driver {spec.name}, the template is for {wanted_spec.name}.")
