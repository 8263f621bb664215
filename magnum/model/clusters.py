"""A cluster, as its owner asked for it and as it is known to be."""

from datetime import datetime

import msgspec

from .clocks import Instant
from .signing import CaType
from .statuses import AnyStatus

CA_COLUMNS = {
    CaType.KUBERNETES: "ca_cert_ref",
    CaType.ETCD: "etcd_ca_cert_ref",
    CaType.FRONT_PROXY: "front_proxy_ca_cert_ref",
}
"""Where a cluster names each of its authorities."""


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `cluster` (data-model.md, section 3.1). Timeout in minutes, 0 for none; volumes in GB.

    Node counts and addresses are not here: they are sums over the node groups.
    """

    uuid: str
    name: str | None
    project_id: str | None
    user_id: str | None
    cluster_template_id: str | None
    status: AnyStatus | None
    status_reason: str | None = None
    keypair: str | None = None
    docker_volume_size: int | None = None
    labels: dict[str, str] = {}
    master_flavor_id: str | None = None
    flavor_id: str | None = None
    create_timeout: int | None = None
    stack_id: str | None = None
    discovery_url: str | None = None
    api_address: str | None = None
    coe_version: str | None = None
    container_version: str | None = None
    health_status: str | None = None
    health_status_reason: dict[str, str] = {}
    fixed_network: str | None = None
    fixed_subnet: str | None = None
    floating_ip_enabled: bool | None = None
    master_lb_enabled: bool | None = None
    ca_cert_ref: str | None = None
    magnum_cert_ref: str | None = None
    etcd_ca_cert_ref: str | None = None
    front_proxy_ca_cert_ref: str | None = None
    trust_id: str | None = None
    trustee_username: str | None = None
    trustee_user_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    id: int | None = None


class ClusterSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster with the sums over its node groups: what every answer of the API is made of."""

    cluster: Cluster
    node_count: int
    master_count: int
    node_addresses: tuple[str, ...] = ()
    master_addresses: tuple[str, ...] = ()
    generation: int = 0
    template_labels: dict[str, str] = {}
    health_observed_at: Instant | None = None


class ClusterOverview(msgspec.Struct, frozen=True):
    """What a collection shows of a cluster, and no more: thousands of them are read for one answer."""

    uuid: str
    name: str | None
    cluster_template_id: str | None
    keypair: str | None
    docker_volume_size: int | None
    labels: dict[str, str]
    master_flavor_id: str | None
    flavor_id: str | None
    create_timeout: int | None
    health_status: str | None
    stack_id: str | None
    status: str | None
    master_count: int
    node_count: int
    health_observed_at: Instant | None = None
