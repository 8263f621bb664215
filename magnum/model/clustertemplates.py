"""A cluster template: what a cluster is to be made of."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Coe(StrEnum):
    """Container orchestration engines. A row may name another; it is then a plain string (see `read_coe`)."""

    KUBERNETES = "kubernetes"
    SWARM = "swarm"
    SWARM_MODE = "swarm-mode"
    MESOS = "mesos"
    DCOS = "dcos"


def read_coe(text: str) -> Coe | str:
    try:
        return Coe(text)
    except ValueError:
        return text


class ServerType(StrEnum):
    VM = "vm"
    BM = "bm"


class ClusterTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `cluster_template` (data-model.md, section 3.2). Volumes in GB."""

    uuid: str
    name: str | None
    project_id: str | None
    user_id: str | None
    coe: Coe | str
    image_id: str | None
    cluster_distro: str | None
    server_type: str = ServerType.VM
    driver: str | None = None
    flavor_id: str | None = None
    master_flavor_id: str | None = None
    keypair_id: str | None = None
    external_network_id: str | None = None
    fixed_network: str | None = None
    fixed_subnet: str | None = None
    network_driver: str | None = None
    volume_driver: str | None = None
    dns_nameserver: str | None = None
    apiserver_port: int | None = None
    docker_volume_size: int | None = None
    docker_storage_driver: str | None = None
    http_proxy: str | None = None
    https_proxy: str | None = None
    no_proxy: str | None = None
    registry_enabled: bool = False
    insecure_registry: str | None = None
    labels: dict[str, str] = {}
    tls_disabled: bool = False
    public: bool = False
    hidden: bool = False
    master_lb_enabled: bool = False
    floating_ip_enabled: bool = True
    tags: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    id: int | None = None
