"""Cluster templates in requests and answers. What a new one may be: `core.clustertemplates.NewClusterTemplate`."""

import msgspec

from magnum.api.patch import Patchable
from magnum.core.clustertemplates import NewClusterTemplate
from magnum.model.clustertemplates import ClusterTemplate

from .links import Link, moment, resource_links
from .reading import Access, attributes

NOUN = "a cluster template"
ACCESS = Access(read_only=frozenset({"project_id", "user_id", "created_at", "updated_at", "links"}))
NOT_REMOVABLE = frozenset(
    {
        *("coe", "image_id", "external_network_id", "network_driver", "cluster_distro", "registry_enabled"),
        *("tls_disabled", "public", "hidden", "server_type"),
    }
)


class ClusterTemplateView(msgspec.Struct, frozen=True, kw_only=True):
    uuid: str
    name: str | None
    coe: str
    image_id: str | None
    server_type: str
    driver: str | None
    flavor_id: str | None
    master_flavor_id: str | None
    keypair_id: str | None
    external_network_id: str | None
    fixed_network: str | None
    fixed_subnet: str | None
    network_driver: str | None
    volume_driver: str | None
    dns_nameserver: str | None
    apiserver_port: int | None
    docker_volume_size: int | None
    docker_storage_driver: str | None
    cluster_distro: str | None
    http_proxy: str | None
    https_proxy: str | None
    no_proxy: str | None
    registry_enabled: bool
    insecure_registry: str | None
    labels: dict[str, str]
    tls_disabled: bool
    public: bool
    hidden: bool
    master_lb_enabled: bool
    floating_ip_enabled: bool
    tags: str | None
    project_id: str | None
    user_id: str | None
    created_at: str | None
    updated_at: str | None
    links: tuple[Link, ...]


def path_of(template: ClusterTemplate) -> str:
    return f"clustertemplates/{template.uuid}"


def view(template: ClusterTemplate, base: str) -> ClusterTemplateView:
    values = msgspec.structs.asdict(template)
    del values["id"]
    values |= {
        "created_at": moment(template.created_at),
        "updated_at": moment(template.updated_at),
        "links": resource_links(base, path_of(template)),
    }
    return ClusterTemplateView(**values)


def patchable(template: ClusterTemplate) -> Patchable:
    values = {name: getattr(template, name) for name in attributes(NewClusterTemplate)}
    return Patchable(values=values, maps=frozenset({"labels"}), not_removable=NOT_REMOVABLE)
