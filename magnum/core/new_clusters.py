"""A new cluster: from what is asked for to its rows and the operation that makes it, in one transaction.

`draft` finds the template and the driver, `create` does the rest; the API checks its policy between the two. Whoever
reads the cluster right after sees it whole and CREATE_IN_PROGRESS, with its two default node groups.
"""

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, clustertemplates, events, nodegroups, operations, projects
from magnum.db.errors import NotFound as NoSuchRow
from magnum.drivers.base import ClusterRequest, DriverSpec
from magnum.model import labels
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.events import EventLevel
from magnum.model.names import new_uuid, random_name
from magnum.model.nodegroups import DEFAULT_MASTER, DEFAULT_WORKER, MASTER, WORKER, NodeGroup
from magnum.model.operations import CreateCluster
from magnum.model.requesters import Requester, Scope
from magnum.model.statuses import Status
from magnum.openstack.offers import Offers

from . import fields
from .clustertemplates import check_volume_size
from .drivers import check_request, find_driver
from .errors import Conflict, Forbidden, InvalidRequest, NotFound
from .labels import check_labels, warn_of_unknown
from .offers import check_disks, check_named, of_cluster
from .operations import new_event, new_operation
from .quotas import check_clusters
from .service import Service
from .trusts import Entrusted, entrusted

if TYPE_CHECKING:
    from magnum.openstack.clouds import Cloud

_INHERITED = (
    *("docker_volume_size", "flavor_id", "master_flavor_id", "fixed_network", "fixed_subnet"),
    *("floating_ip_enabled", "master_lb_enabled"),
)
"""What a cluster takes from its template unless it says otherwise."""


class NewCluster(msgspec.Struct, frozen=True, kw_only=True):
    """What a requester says of a new cluster. Volumes in GB, `create_timeout` in minutes."""

    cluster_template_id: fields.Text
    name: fields.ClusterName | None = None
    keypair: fields.Text | None = None
    node_count: fields.NodeCount = 1
    master_count: fields.MasterCount = 1
    docker_volume_size: fields.Gigabytes | None = None
    labels: fields.Labels = {}
    merge_labels: fields.Flag = False
    master_flavor_id: fields.Text | None = None
    flavor_id: fields.Text | None = None
    create_timeout: fields.Minutes = 60
    discovery_url: fields.Text | None = None
    fixed_network: fields.Text | None = None
    fixed_subnet: fields.Text | None = None
    floating_ip_enabled: fields.Flag | None = None
    master_lb_enabled: fields.Flag | None = None


class Draft(msgspec.Struct, frozen=True):
    new: NewCluster
    template: ClusterTemplate
    spec: DriverSpec
    inherits_labels: bool = True
    """Bays have only the labels that they are given."""


def draft(service: Service, requester: Requester, new: NewCluster, *, unknown_template_is_404: bool) -> Draft:
    """Find what the cluster is to be made of and by; refuse what cannot be."""
    template = find_template(service, requester, new.cluster_template_id, is_404=unknown_template_is_404)
    spec = find_driver(service, template)
    check_volume_size(template.docker_storage_driver, new.docker_volume_size or template.docker_volume_size)
    return Draft(new, template, spec)


def create(
    service: Service, requester: Requester, draft: Draft, offers: Offers, *, cloud: "Cloud | None" = None
) -> str:
    """Store the cluster and ask for it to be made; gives its UUID. The cloud is the requester's."""
    scope = Scope.own(requester)
    service.database.read(lambda tx: check_clusters(tx, service, scope))
    cluster, groups = prepare(service, requester, draft, offers)
    new, operation_uuid = draft.new, new_uuid(service.randomness)

    def insert(tx: Connection, trust: Entrusted) -> None:
        projects.lock(tx, scope.project_id or f"user {scope.user_id}")
        check_clusters(tx, service, scope)
        hold_template(tx, draft.template)
        clusters.insert(tx, msgspec.structs.replace(cluster, trust_id=trust.trust_id))
        trust.keep(tx)
        for group in groups:
            nodegroups.insert(tx, group)
        operations.create_state(tx, cluster.uuid)
        operation = new_operation(
            service,
            tx,
            requester,
            uuid=operation_uuid,
            cluster_uuid=cluster.uuid,
            arguments=CreateCluster(),
            minutes=cluster.create_timeout,
        )
        operations.enqueue(tx, operation)
        text = f"The cluster was asked for, with master_count {new.master_count} and node_count {new.node_count}."
        events.insert(tx, new_event(operation, "cluster.create", text))
        for warning in warn_of_unknown(draft.spec, cluster.labels):
            events.insert(tx, new_event(operation, "cluster.labels", warning, level=EventLevel.WARNING))

    with entrusted(service, draft.spec, cluster.uuid, cloud) as trust:
        service.database.write(lambda tx: insert(tx, trust))
    service.wake()
    return cluster.uuid


def prepare(
    service: Service, requester: Requester, draft: Draft, offers: Offers
) -> tuple[Cluster, tuple[NodeGroup, ...]]:
    """Give the rows as they would be stored; refuse what no driver or operator would make."""
    cluster = _cluster(service, requester, draft)
    _check(service, draft, cluster, offers)
    return cluster, _nodegroups(service, draft, cluster)


def request_of(
    cluster: Cluster, template: ClusterTemplate, *, labels: dict[str, str], master_count: int, node_count: int
) -> ClusterRequest:
    """Give what a driver judges: the template with the cluster's own values laid over it."""
    own = {name: getattr(cluster, name) for name in _INHERITED}
    return ClusterRequest(
        template=msgspec.structs.replace(template, keypair_id=cluster.keypair, labels=labels, **own),
        labels=labels,
        master_count=master_count,
        node_count=node_count,
        master_lb_enabled=bool(cluster.master_lb_enabled),
    )


def find_template(service: Service, requester: Requester, ident: str, *, is_404: bool) -> ClusterTemplate:
    scope = Scope.widest(requester)
    try:
        template = service.database.read(lambda tx: clustertemplates.get(tx, ident, scope))
    except NoSuchRow:
        refusal = NotFound if is_404 else InvalidRequest
        raise refusal(f"There is no cluster template {ident}.") from None
    if template.hidden and not requester.is_admin:
        raise Forbidden(f"The cluster template {ident} is hidden: only administrators can make clusters from it.")
    return template


def hold_template(tx: Connection, template: ClusterTemplate) -> None:
    """Keep the template as it was when the request was judged."""
    try:
        unchanged = clustertemplates.lock(tx, template.uuid, shared=True) == template
    except NoSuchRow:
        raise InvalidRequest(f"The cluster template {template.uuid} has just been deleted.") from None
    if not unchanged:
        raise Conflict(f"The cluster template {template.uuid} has just been changed. Try again.")


def _cluster(service: Service, requester: Requester, draft: Draft) -> Cluster:
    new, template = draft.new, draft.template
    return Cluster(
        uuid=new_uuid(service.randomness),
        name=new.name or random_name("cluster", service.randomness),
        project_id=requester.project_id,
        user_id=requester.user_id,
        cluster_template_id=template.uuid,
        status=Status.CREATE_IN_PROGRESS,
        keypair=new.keypair or template.keypair_id,
        labels=labels.inherit(template.labels if draft.inherits_labels else {}, new.labels, merge=new.merge_labels),
        create_timeout=new.create_timeout,
        discovery_url=new.discovery_url,
        **{name: _inherit(name, new, template) for name in _INHERITED},
    )


def _inherit(name: str, new: NewCluster, template: ClusterTemplate) -> Any:
    own = getattr(new, name)
    return getattr(template, name) if own is None else own


def _check(service: Service, draft: Draft, cluster: Cluster, offers: Offers) -> None:
    new, options = draft.new, service.settings.cinder
    check_labels(cluster.labels)
    if new.master_count > 1 and not cluster.master_lb_enabled:
        raise InvalidRequest("master_lb_enabled must be true for a master_count of more than 1.")
    request = request_of(
        cluster,
        draft.template,
        labels=cluster.labels,
        master_count=new.master_count,
        node_count=new.node_count,
    )
    check_request(draft.spec, request)
    check_named(offers, of_cluster(cluster, draft.template, options))
    flavors = {"flavor_id": cluster.flavor_id, "master_flavor_id": cluster.master_flavor_id}
    check_disks(offers, cluster.labels, options, image_id=draft.template.image_id or "", **flavors)


def _nodegroups(service: Service, draft: Draft, cluster: Cluster) -> tuple[NodeGroup, NodeGroup]:
    def group(name: str, role: str, count: int, flavor: str | None) -> NodeGroup:
        return NodeGroup(
            uuid=new_uuid(service.randomness),
            name=name,
            cluster_id=cluster.uuid,
            project_id=cluster.project_id or "",
            role=role,
            node_count=count,
            is_default=True,
            docker_volume_size=cluster.docker_volume_size,
            labels=cluster.labels,
            flavor_id=flavor,
            image_id=draft.template.image_id,
            status=Status.CREATE_IN_PROGRESS,
        )

    return (
        group(DEFAULT_MASTER, MASTER, draft.new.master_count, cluster.master_flavor_id),
        group(DEFAULT_WORKER, WORKER, draft.new.node_count, cluster.flavor_id),
    )
