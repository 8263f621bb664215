"""Node groups of a cluster: look at them, add one, change its bounds and labels, remove it. Resizing: `core.clusters`.

A group belongs to the cluster's project and is seen by whoever sees the cluster. Every change is an operation of the
cluster, which is UPDATE_IN_PROGRESS until all of them have ended; a group shows what is done to it itself.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, events, nodegroups, operations
from magnum.drivers.base import ClusterRequest, DriverSpec, Feature
from magnum.model import labels
from magnum.model.clusters import Cluster, ClusterSummary
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.events import EventLevel
from magnum.model.names import new_uuid
from magnum.model.nodegroups import MASTER, WORKER, NodeGroup
from magnum.model.operations import OPEN, CreateNodeGroup, DeleteNodeGroup, UpdateNodeGroup
from magnum.model.paging import Page
from magnum.model.requesters import Requester, Scope
from magnum.model.statuses import RESIZABLE, Status, StatusEvent
from magnum.openstack.offers import Offers

from . import fields
from .changes import ask
from .drivers import check_change, check_request, group_change, made_by, require_feature
from .errors import Conflict, InvalidRequest
from .labels import check_labels, warn_of_unknown
from .offers import check_disks, check_named, find_image, of_group
from .operations import new_event
from .placement import check_node_labels, check_node_taints
from .service import Service
from .statuses import check_status


class NewNodeGroup(msgspec.Struct, frozen=True, kw_only=True):
    """What a requester says of a new node group. Volumes in GB."""

    name: fields.Text
    role: fields.Text = WORKER
    node_count: fields.NodeCount = 1
    min_node_count: fields.NodeCount = 0
    max_node_count: fields.NodeCount | None = None
    docker_volume_size: fields.Gigabytes | None = None
    labels: fields.Labels = {}
    merge_labels: fields.Flag = False
    flavor_id: fields.Text | None = None
    image_id: fields.Text | None = None
    node_labels: fields.Labels = {}
    node_taints: fields.Taints = ()


class NodeGroupChange(msgspec.Struct, frozen=True, kw_only=True):
    """All that a patch can change of a node group, with what a removal resets it to."""

    min_node_count: fields.NodeCount = 0
    max_node_count: fields.NodeCount | None = None
    node_labels: fields.Labels = {}
    node_taints: fields.Taints = ()


class Full(msgspec.Struct, frozen=True):
    """A node group with its cluster's labels, from which its own may differ."""

    group: NodeGroup
    cluster_labels: Mapping[str, str]


Guard = Callable[[Full], None]
"""Refuses, by the node group as it is under its lock, what was asked for by one that has changed since."""


def list_page(
    service: Service, cluster: str, scope: Scope, page: Page, *, role: str | None
) -> tuple[str, list[NodeGroup]]:
    """Give the cluster's UUID and a page of its node groups."""

    def run(tx: Connection) -> tuple[str, list[NodeGroup]]:
        uuid = clusters.get(tx, cluster, scope).cluster.uuid
        return uuid, nodegroups.list_page(tx, uuid, page, role=role)

    return service.database.read(run)


def get(service: Service, cluster: str, ident: str, scope: Scope) -> Full:
    def run(tx: Connection) -> Full:
        found = clusters.get(tx, cluster, scope).cluster
        return Full(nodegroups.get(tx, found.uuid, ident), found.labels)

    return service.database.read(run)


def create(
    service: Service, requester: Requester, cluster: str, scope: Scope, new: NewNodeGroup, *, offers: Offers
) -> Full:
    """Store the node group and ask for its nodes; gives it as it is stored."""
    if new.role == MASTER:
        raise InvalidRequest("The role of a new node group cannot be master: a cluster has one group of masters.")
    summary = service.database.read(lambda tx: clusters.get(tx, cluster, scope))
    group, spec = _draft(service, summary, new, offers)
    operation_uuid = new_uuid(service.randomness)

    def insert(tx: Connection) -> Full:
        operations.lock(tx, group.cluster_id)
        owner = clusters.read(tx, group.cluster_id)
        check_status(owner, RESIZABLE, "given a node group")
        nodegroups.insert(tx, group)
        operation = ask(
            service,
            tx,
            requester,
            uuid=operation_uuid,
            cluster=owner,
            arguments=CreateNodeGroup(group.uuid),
            event="nodegroup.create",
            text=f"The node group {group.name} was asked for, with {group.node_count} nodes of the role {group.role}.",
        )
        for warning in warn_of_unknown(spec, new.labels):
            events.insert(tx, new_event(operation, "nodegroup.labels", warning, level=EventLevel.WARNING))
        return Full(nodegroups.get(tx, owner.uuid, group.uuid), owner.labels)

    made = service.database.write(insert)
    service.wake()
    return made


def update(
    service: Service,
    requester: Requester,
    group: NodeGroup,
    changes: Mapping[str, Any],
    *,
    guard: Guard | None = None,
) -> Full:
    """Change bounds, labels and taints. Whatever changes, the owner sees an update that begins and ends."""
    cluster = group.cluster_id
    spec = service.database.read(lambda tx: made_by(service, tx, clusters.read(tx, cluster))[1])
    operation_uuid = new_uuid(service.randomness)

    def run(tx: Connection) -> Full:
        operations.lock(tx, cluster)
        owner, before = clusters.read(tx, cluster), nodegroups.get(tx, cluster, group.uuid)
        if guard is not None:
            guard(Full(before, owner.labels))
        check_status(owner, RESIZABLE, "changed")
        if before.status is not None and before.status not in RESIZABLE:
            raise InvalidRequest(f"The node group {before.name} is {before.status}, so it cannot be changed now.")
        changed = msgspec.structs.replace(before, **changes)
        _check_counts(changed)
        if "node_labels" in changes or "node_taints" in changes:
            _check_placement(spec, changed)
        ask(
            service,
            tx,
            requester,
            uuid=operation_uuid,
            cluster=owner,
            arguments=UpdateNodeGroup(before.uuid),
            event="nodegroup.update",
            text=f"A change of the node group {before.name} was asked for: {', '.join(sorted(changes))}.",
            group=before,
            **changes,
        )
        return Full(nodegroups.get(tx, cluster, before.uuid), owner.labels)

    changed = service.database.write(run)
    service.wake()
    return changed


def delete(
    service: Service, requester: Requester, cluster: str, ident: str, scope: Scope, *, guard: Guard | None = None
) -> None:
    """Remove a node group and its nodes; whatever else was asked of it, and is not being done right now, is given up.

    Asked for again while that is going on, nothing more happens.
    """
    operation_uuid = new_uuid(service.randomness)

    def run(tx: Connection) -> None:
        uuid = clusters.get(tx, cluster, scope).cluster.uuid
        operations.lock(tx, uuid)
        owner, group = clusters.read(tx, uuid), nodegroups.get(tx, uuid, ident)
        if guard is not None:
            guard(Full(group, owner.labels))
        if group.is_default:
            raise InvalidRequest(f"The node group {group.name} is a default one, which goes only with its cluster.")
        arguments = DeleteNodeGroup(group.uuid)
        if any(other.arguments == arguments and other.state in OPEN for other in operations.of_cluster(tx, uuid)):
            return
        check_status(owner, RESIZABLE, "changed")
        operations.cancel_of_nodegroup(tx, uuid, group.uuid)
        ask(
            service,
            tx,
            requester,
            uuid=operation_uuid,
            cluster=owner,
            arguments=arguments,
            event="nodegroup.delete",
            text=f"The removal of the node group {group.name} was asked for.",
            group=group,
            group_event=StatusEvent.DELETE_STARTED,
        )

    service.database.write(run)
    service.wake()


def _draft(
    service: Service, summary: ClusterSummary, new: NewNodeGroup, offers: Offers
) -> tuple[NodeGroup, DriverSpec]:
    """Make the node group as it would be stored, and find its driver; refuse what cannot be."""
    cluster = summary.cluster
    if cluster.api_address is None:
        raise Conflict(
            f"The cluster {cluster.uuid} has no API address yet, so it cannot be given a node group. "
            f"Its status is {cluster.status}."
        )
    template, spec = service.database.read(lambda tx: made_by(service, tx, cluster))
    group = NodeGroup(
        uuid=new_uuid(service.randomness),
        name=new.name,
        cluster_id=cluster.uuid,
        project_id=cluster.project_id or "",
        role=new.role,
        node_count=new.node_count,
        min_node_count=new.min_node_count,
        max_node_count=new.max_node_count,
        docker_volume_size=new.docker_volume_size,
        labels=labels.inherit(cluster.labels, new.labels, merge=new.merge_labels),
        flavor_id=new.flavor_id or cluster.flavor_id,
        image_id=new.image_id or template.image_id,
        node_labels=new.node_labels,
        node_taints=new.node_taints,
        status=Status.CREATE_IN_PROGRESS,
    )
    _check_counts(group)
    _check_placement(spec, group)
    check_labels(group.labels, kept=cluster.labels)
    _check_machines(service, offers, template, group, own_image=new.image_id is not None)
    request = ClusterRequest(
        template=msgspec.structs.replace(template, labels=group.labels, flavor_id=group.flavor_id),
        labels=group.labels,
        master_count=summary.master_count,
        node_count=group.node_count,
        master_lb_enabled=bool(cluster.master_lb_enabled),
    )
    check_request(spec, request)
    _check_beside_others(service, spec, request, cluster, group)
    return group, spec


def _check_beside_others(
    service: Service, spec: DriverSpec, request: ClusterRequest, cluster: Cluster, group: NodeGroup
) -> None:
    """See that the new group goes with those that are there, which stay as they are."""
    others = service.database.read(lambda tx: nodegroups.of_cluster(tx, cluster.uuid))
    changes = [group_change(cluster, one, labels=cluster.labels, after=one) for one in (*others, group)]
    check_change(spec, request, request, changes)


def _check_machines(
    service: Service, offers: Offers, template: ClusterTemplate, group: NodeGroup, *, own_image: bool
) -> None:
    options, image_id = service.settings.cinder, group.image_id or ""
    check_named(offers, of_group(group, options))
    check_disks(offers, group.labels, options, image_id=image_id, flavor_id=group.flavor_id)
    if own_image:
        distribution = find_image(offers, image_id).os_distro
        if distribution != template.cluster_distro:
            raise InvalidRequest(
                f"image_id must name an image of {template.cluster_distro}, like the cluster's: "
                f"{group.image_id} is one of {distribution}."
            )


def _check_counts(group: NodeGroup) -> None:
    least, most, count = group.min_node_count, group.max_node_count, group.node_count
    if most is not None and most < least:
        raise Conflict(f"max_node_count of the node group {group.name} must not be below its min_node_count, {least}.")
    if most is not None and count > most:
        raise Conflict(f"node_count of the node group {group.name}, {count}, must not be above max_node_count, {most}.")
    if least > count:
        raise Conflict(f"min_node_count of the node group {group.name} must not be above its node_count, {count}.")


def _check_placement(spec: DriverSpec, group: NodeGroup) -> None:
    if not group.node_labels and not group.node_taints:
        return
    if group.is_master:
        raise Conflict(f"The node group {group.name} is one of masters, which take no node_labels and node_taints.")
    require_feature(spec, Feature.NODE_LABELS)
    check_node_labels(group.node_labels)
    check_node_taints(group.node_taints)
