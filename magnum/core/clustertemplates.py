"""Cluster templates: what may be stored, who sees what, and what may change while clusters use one.

A new one goes through `draft` (can such a cluster be made at all), `check` (does everything exist that it names) and
`insert`, in this order and with the policy checks of the API between them.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, clustertemplates
from magnum.model.clustertemplates import ClusterTemplate, ServerType
from magnum.model.names import new_uuid, random_name
from magnum.model.paging import Page
from magnum.model.requesters import Requester, Scope
from magnum.openstack.offers import Offers

from . import fields
from .coes import check_volume_driver, choose_network_driver
from .drivers import find_driver
from .errors import Conflict, InvalidRequest
from .labels import check_labels, warn_of_unknown
from .offers import check_disks, check_named, find_image, look, of_template
from .service import Service

LOG = logging.getLogger(__name__)
SMALLEST_DEVICEMAPPER = 3  # GB
_DRIVER_PROPERTY = "magnum_driver"
_TYPE = frozenset({"coe", "server_type", "image_id", "cluster_distro", "driver"})
"""Attributes that decide which driver a template needs."""
_LABELLING = frozenset({"name", "tags", "public", "hidden"})
"""Attributes that say nothing of the clusters made from it."""


class NewClusterTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """What a requester says of a new template. Volumes in GB."""

    coe: fields.AnyCoe
    image_id: fields.Text
    uuid: fields.Uuid | None = None
    name: fields.Text | None = None
    server_type: fields.AnyServerType = ServerType.VM
    driver: fields.AnyText | None = None
    flavor_id: fields.Text | None = None
    master_flavor_id: fields.Text | None = None
    keypair_id: fields.Text | None = None
    external_network_id: fields.Text | None = None
    fixed_network: fields.Text | None = None
    fixed_subnet: fields.Text | None = None
    network_driver: fields.Text | None = None
    volume_driver: fields.Text | None = None
    dns_nameserver: fields.Nameservers | None = None
    apiserver_port: fields.Port | None = None
    docker_volume_size: fields.Gigabytes | None = None
    docker_storage_driver: fields.Text | None = None
    cluster_distro: fields.Text | None = None
    http_proxy: fields.Text | None = None
    https_proxy: fields.Text | None = None
    no_proxy: fields.Text | None = None
    registry_enabled: fields.Flag = False
    insecure_registry: fields.Text | None = None
    labels: fields.Labels = {}
    tls_disabled: fields.Flag = False
    public: fields.Flag = False
    hidden: fields.Flag = False
    master_lb_enabled: fields.Flag = False
    floating_ip_enabled: fields.Flag = True
    tags: fields.AnyText | None = None


Guard = Callable[[ClusterTemplate], None]
"""Refuses, by the template as it is under its lock, what was asked for by one that has changed since."""


def draft(service: Service, requester: Requester, new: NewClusterTemplate, offers: Offers) -> ClusterTemplate:
    """Make the template as it would be stored; refuse what no driver can make.

    Administrators alone choose its UUID: that one is taken already would tell others of templates that they cannot see.
    """
    given = msgspec.structs.asdict(new)
    chosen = new.uuid if requester.is_admin else None
    template = ClusterTemplate(
        **given
        | {
            "uuid": str(chosen or new_uuid(service.randomness)),
            "name": new.name or random_name("template", service.randomness),
            "project_id": requester.project_id,
            "user_id": requester.user_id,
            "cluster_distro": None,
        }
    )
    template = _combine(service, template)
    look(offers, of_template(template, service.settings.cinder))
    return _choose_driver(service, template, offers)


def check(
    service: Service, template: ClusterTemplate, offers: Offers, *, before: ClusterTemplate | None = None
) -> None:
    """Refuse names of what does not exist and known labels with bad values, and note labels that nobody knows."""
    options = service.settings.cinder
    kept = before.labels if before else None
    check_labels(template.labels, kept=kept)
    check_named(offers, of_template(template, options))
    flavors = {"flavor_id": template.flavor_id, "master_flavor_id": template.master_flavor_id}
    check_disks(offers, template.labels, options, image_id=template.image_id or "", **flavors)
    if template.labels != kept:
        for warning in warn_of_unknown(find_driver(service, template), template.labels):
            LOG.warning("Cluster template %s: %s", template.uuid, warning)


def insert(service: Service, template: ClusterTemplate) -> ClusterTemplate:
    def run(tx: Connection) -> ClusterTemplate:
        clustertemplates.insert(tx, template)
        return clustertemplates.read(tx, template.uuid)

    return service.database.write(run)


def get(service: Service, ident: str, scope: Scope) -> ClusterTemplate:
    return service.database.read(lambda tx: clustertemplates.get(tx, ident, scope))


def list_page(service: Service, scope: Scope, page: Page) -> list[ClusterTemplate]:
    return service.database.read(lambda tx: clustertemplates.list_page(tx, scope, page))


def changed(service: Service, template: ClusterTemplate, asked: Mapping[str, Any], offers: Offers) -> ClusterTemplate:
    """Give the template with the changes in it, judged as a new one would be, as far as they matter to clusters."""
    result = msgspec.structs.replace(template, **asked)
    differing = differences(template, result).keys()
    if differing <= _LABELLING:
        return result
    result = _combine(service, result)
    look(offers, of_template(result, service.settings.cinder))
    if differing & _TYPE:
        new_driver = result.driver if "driver" in differing else None
        result = _choose_driver(
            service,
            msgspec.structs.replace(result, driver=new_driver),
            offers,
            distribution=asked.get("cluster_distro"),
        )
    check(service, result, offers, before=template)
    return result


def update(
    service: Service, template: ClusterTemplate, result: ClusterTemplate, *, guard: Guard | None = None
) -> ClusterTemplate:
    """Store what differs, if the clusters that use the template allow it."""
    changes = differences(template, result)

    def run(tx: Connection) -> ClusterTemplate:
        current = clustertemplates.lock(tx, template.uuid)
        if guard is not None:
            guard(current)
        if current != template:
            raise Conflict(f"The cluster template {template.uuid} has just been changed by somebody else. Try again.")
        if changes:
            if not _is_harmless(changes) and clusters.exists_with_template(tx, template.uuid):
                raise InvalidRequest(
                    f"The cluster template {template.uuid} is used by clusters: only its name or its tags may change, "
                    "or it may be made public, hidden or visible; one of them at a time."
                )
            clustertemplates.update(tx, template.uuid, **changes)
        return clustertemplates.read(tx, template.uuid)

    return service.database.write(run)


def delete(service: Service, template: ClusterTemplate, *, guard: Guard | None = None) -> None:
    def run(tx: Connection) -> None:
        current = clustertemplates.lock(tx, template.uuid)
        if guard is not None:
            guard(current)
        if clusters.exists_with_template(tx, template.uuid):
            raise InvalidRequest(f"The cluster template {template.uuid} is used by clusters: delete them first.")
        clustertemplates.delete(tx, template.uuid)

    service.database.write(run)


def differences(before: ClusterTemplate, after: ClusterTemplate) -> dict[str, Any]:
    old, new = msgspec.structs.asdict(before), msgspec.structs.asdict(after)
    return {name: value for name, value in new.items() if value != old[name]}


def check_volume_size(storage_driver: str | None, size: int | None) -> None:
    if storage_driver == "devicemapper" and (size or 0) < SMALLEST_DEVICEMAPPER:
        raise InvalidRequest(
            f"docker_volume_size must be at least {SMALLEST_DEVICEMAPPER} (GB) "
            "with the docker_storage_driver devicemapper."
        )


def _combine(service: Service, template: ClusterTemplate) -> ClusterTemplate:
    """Fill in what the operator decides, and refuse what cannot be combined."""
    network_driver = choose_network_driver(template.coe, template.network_driver, service.settings.cluster_template)
    check_volume_driver(template.coe, template.volume_driver)
    check_volume_size(template.docker_storage_driver, template.docker_volume_size)
    return msgspec.structs.replace(template, network_driver=network_driver)


def _choose_driver(
    service: Service, template: ClusterTemplate, offers: Offers, *, distribution: str | None = None
) -> ClusterTemplate:
    image = find_image(offers, template.image_id or "")
    template = msgspec.structs.replace(template, cluster_distro=distribution or image.os_distro)
    spec = find_driver(service, template, name=template.driver or image.properties.get(_DRIVER_PROPERTY))
    return msgspec.structs.replace(template, driver=spec.name)


def _is_harmless(changes: Mapping[str, Any]) -> bool:
    """Say whether clusters that were made from the template need not care."""
    if len(changes) != 1:
        return False
    [(name, value)] = changes.items()
    return name in {"name", "hidden"} or (name == "public" and value) or (name == "tags" and value is not None)
