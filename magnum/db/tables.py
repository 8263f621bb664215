"""Every table, as it is at the code's head.

The adopted ones (first half) are the union of all releases of the existing service: same names, types, unique keys
and order, nothing of ours in them, so that an operator can switch over in place, and back. What we need beyond them
stands in tables of our own (second half): instants there are microseconds since 1970 in BIGINT, names compare by
their bytes.

`cluster_state` is the one lock of a cluster; a row of it outlives the cluster's own until the last sweep is done, and
so do `operation`, `event`, `cloud_resource`, `node_credential`. `info={"clip": True}` marks text for people that we
write ourselves and cut rather than refuse. A change here needs a revision in `migrations/`.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from .columns import JsonList, JsonObject, StatusText, UtcSeconds

METADATA = MetaData()

_OURS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_ADOPTED: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb3", "sqlite_autoincrement": True}


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _stamps() -> tuple[Column[Any], Column[Any]]:
    return Column("created_at", UtcSeconds), Column("updated_at", UtcSeconds)


def _name(name: str, length: int = 255) -> Column[str]:
    return Column(name, String(length))


def _reason() -> Column[str]:
    return Column("status_reason", Text, info={"clip": True})


cluster = Table(
    "cluster",
    METADATA,
    *_stamps(),
    _id(),
    _name("uuid", 36),
    *map(_name, ("name", "cluster_template_id", "api_address", "stack_id", "project_id", "user_id")),
    Column("status", StatusText),
    _name("discovery_url"),
    _reason(),
    _name("ca_cert_ref", 512),
    _name("magnum_cert_ref", 512),
    Column("create_timeout", Integer),
    *map(_name, ("trust_id", "trustee_username", "trustee_user_id", "trustee_password")),
    *map(_name, ("coe_version", "container_version", "keypair")),
    Column("docker_volume_size", Integer),
    Column("labels", JsonObject),
    *map(_name, ("master_flavor_id", "flavor_id")),
    _name("health_status", 20),
    Column("health_status_reason", JsonObject),
    *map(_name, ("fixed_network", "fixed_subnet")),
    Column("floating_ip_enabled", Boolean),
    Column("master_lb_enabled", Boolean),
    _name("etcd_ca_cert_ref", 512),
    _name("front_proxy_ca_cert_ref", 512),
    UniqueConstraint("uuid", name="uniq_bay0uuid"),
    **_ADOPTED,
)

cluster_template = Table(
    "cluster_template",
    METADATA,
    *_stamps(),
    _id(),
    _name("uuid", 36),
    *map(_name, ("name", "flavor_id", "keypair_id", "image_id", "external_network_id", "dns_nameserver")),
    Column("apiserver_port", Integer),
    *map(_name, ("project_id", "user_id")),
    Column("docker_volume_size", Integer),
    *map(
        _name, ("fixed_network", "master_flavor_id", "cluster_distro", "coe", "http_proxy", "https_proxy", "no_proxy")
    ),
    Column("registry_enabled", Boolean),
    _name("network_driver"),
    Column("labels", JsonObject),
    Column("tls_disabled", Boolean),
    Column("public", Boolean),
    Column("server_type", String(255), server_default=text("'vm'")),
    *map(_name, ("volume_driver", "insecure_registry")),
    _name("docker_storage_driver", 512),
    Column("master_lb_enabled", Boolean),
    _name("fixed_subnet"),
    Column("floating_ip_enabled", Boolean),
    Column("hidden", Boolean),
    _name("tags"),
    _name("driver"),
    UniqueConstraint("uuid", name="uniq_baymodel0uuid"),
    **_ADOPTED,
)

nodegroup = Table(
    "nodegroup",
    METADATA,
    *_stamps(),
    _id(),
    Column("uuid", String(36), nullable=False),
    Column("name", String(255), nullable=False),
    Column("cluster_id", String(255), nullable=False),
    Column("project_id", String(255), nullable=False),
    Column("docker_volume_size", Integer),
    Column("labels", JsonObject),
    *map(_name, ("flavor_id", "image_id")),
    Column("node_addresses", JsonList),
    *(Column(name, Integer) for name in ("node_count", "max_node_count", "min_node_count")),
    _name("role"),
    Column("is_default", Boolean),
    _name("stack_id"),
    Column("status", StatusText),
    _reason(),
    _name("version", 20),
    Column("node_labels", JsonObject),
    Column("node_taints", JsonList),
    UniqueConstraint("uuid", name="uniq_nodegroup0uuid"),
    UniqueConstraint("cluster_id", "name", name="uniq_nodegroup0cluster_id0name"),
    **_ADOPTED,
)

federation = Table(
    "federation",
    METADATA,
    *_stamps(),
    _id(),
    _name("project_id"),
    _name("uuid", 36),
    *map(_name, ("name", "hostcluster_id")),
    Column("member_ids", JsonList),
    Column("status", StatusText),
    _reason(),
    Column("properties", JsonObject),
    UniqueConstraint("uuid", name="uniq_federation0uuid"),
    **_ADOPTED,
)

magnum_service = Table(
    "magnum_service",
    METADATA,
    *_stamps(),
    _id(),
    Column("report_count", Integer, nullable=False),
    *map(_name, ("host", "binary")),
    Column("disabled", Boolean),
    _name("disabled_reason"),
    Column("last_seen_up", UtcSeconds),
    Column("forced_down", Boolean),
    UniqueConstraint("host", "binary", name="uniq_magnum_service0host0binary"),
    **_ADOPTED,
)

quotas = Table(
    "quotas",
    METADATA,
    _id(),
    *_stamps(),
    *map(_name, ("project_id", "resource")),
    Column("hard_limit", Integer, nullable=False),
    UniqueConstraint("project_id", "resource", name="uniq_quotas0project_id0resource"),
    **_ADOPTED,
)

x509keypair = Table(
    "x509keypair",
    METADATA,
    _id(),
    *_stamps(),
    _name("uuid", 36),
    Column("certificate", Text),
    Column("private_key", Text),
    *map(_name, ("project_id", "user_id")),
    Column("intermediates", Text),
    Column("private_key_passphrase", Text),
    UniqueConstraint("uuid", name="uniq_x509keypair0uuid"),
    **_ADOPTED,
)

ADOPTED = (cluster, cluster_template, nodegroup, federation, magnum_service, quotas, x509keypair)

# ---- ours


def _serial() -> Column[int]:
    """Give an id that is never used twice. SQLite does that for INTEGER alone."""
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _uuid(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, String(36), primary_key=key, nullable=False)


def _instant(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _clipped(name: str, length: int | None = None) -> Column[str]:
    return Column(name, Text if length is None else String(length), info={"clip": True})


cluster_state = Table(
    "cluster_state",
    METADATA,
    _uuid("cluster_uuid", key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    _name("owner", 64),
    _instant("lease_until"),
    _name("operation_uuid", 36),
    Column("health_due_at", BigInteger),
    Column("health_observed_at", BigInteger),
    Index("ix_cluster_state_owner", "owner"),
    **_OURS,
)

operation = Table(
    "operation",
    METADATA,
    _serial(),
    _uuid("uuid"),
    _uuid("cluster_uuid"),
    Column("position", Integer, nullable=False),  # in the cluster's queue; one that replaces another takes its place
    Column("kind", String(32), nullable=False),
    Column("arguments", Text, nullable=False),
    Column("state", String(20), nullable=False),
    _instant("next_attempt"),
    _instant("created_at"),
    Column("deadline", BigInteger),
    _name("step"),
    Column("step_started_at", BigInteger),
    Column("step_number", Integer, nullable=False),
    Column("steps_total", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    _clipped("reason"),
    _name("error_code", 64),
    Column("accepted", Boolean, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("finished_at", BigInteger),
    _clipped("request_id", 64),
    UniqueConstraint("uuid", name="uniq_operation0uuid"),
    Index("ix_operation_cluster_uuid_position", "cluster_uuid", "position"),
    Index("ix_operation_state_next_attempt", "state", "next_attempt"),
    sqlite_autoincrement=True,
    **_OURS,
)

event = Table(
    "event",
    METADATA,
    _serial(),
    _uuid("cluster_uuid"),
    _instant("at"),
    Column("kind", String(64), nullable=False),
    Column("level", String(16), nullable=False),
    Column("text", Text, nullable=False, info={"clip": True}),
    _name("operation_uuid", 36),
    _clipped("request_id", 64),
    Index("ix_event_cluster_uuid", "cluster_uuid"),
    sqlite_autoincrement=True,
    **_OURS,
)

cloud_resource = Table(
    "cloud_resource",
    METADATA,
    _serial(),
    _uuid("cluster_uuid"),
    Column("kind", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("state", String(16), nullable=False),
    _name("provider_id"),
    _instant("attempted_at"),
    UniqueConstraint("cluster_uuid", "kind", "name", name="uniq_cloud_resource0cluster_uuid0kind0name"),
    sqlite_autoincrement=True,
    **_OURS,
)

node = Table(
    "node",
    METADATA,
    _uuid("uuid", key=True),
    _uuid("cluster_uuid"),
    _uuid("nodegroup_uuid"),
    Column("number", Integer, nullable=False),
    Column("name", String(255), nullable=False),
    Column("role", String(255), nullable=False),
    Column("state", String(16), nullable=False),
    *map(_name, ("address", "member_id")),
    _clipped("failed_step", 255),
    _clipped("report"),
    Column("reported_at", BigInteger),
    Column("limits", Text),  # what it may have signed: read for that alone
    *map(_name, ("floating_address", "server_id")),
    UniqueConstraint("nodegroup_uuid", "number", name="uniq_node0nodegroup_uuid0number"),
    Index("ix_node_cluster_uuid", "cluster_uuid"),
    **_OURS,
)

node_number = Table(
    "node_number",
    METADATA,
    _uuid("nodegroup_uuid", key=True),
    _uuid("cluster_uuid"),
    Column("last_number", Integer, nullable=False),
    Index("ix_node_number_cluster_uuid", "cluster_uuid"),
    **_OURS,
)

node_credential = Table(
    "node_credential",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    _uuid("cluster_uuid"),
    _uuid("node_uuid"),
    Column("node_name", String(255), nullable=False),
    Column("limits", Text, nullable=False),
    _instant("expires_at"),
    Index("ix_node_credential_cluster_uuid", "cluster_uuid"),
    Index("ix_node_credential_node_uuid", "node_uuid"),
    **_OURS,
)

sign_request = Table(
    "sign_request",
    METADATA,
    _serial(),
    _uuid("uuid"),
    _uuid("cluster_uuid"),
    Column("csr", Text, nullable=False),
    Column("ca_type", String(32), nullable=False),
    Column("limits", Text),
    Column("state", String(16), nullable=False),
    Column("pem", Text),
    _clipped("error"),
    _instant("expires_at"),
    _instant("lease_until"),
    UniqueConstraint("uuid", name="uniq_sign_request0uuid"),
    Index("ix_sign_request_state_expires_at", "state", "expires_at"),
    sqlite_autoincrement=True,
    **_OURS,
)

cluster_secret = Table(
    "cluster_secret",
    METADATA,
    _uuid("cluster_uuid", key=True),
    Column("name", String(64), primary_key=True),
    Column("sealed", Text, nullable=False),
    **_OURS,
)

trusted_authority = Table(
    "trusted_authority",
    METADATA,
    _uuid("cluster_uuid", key=True),
    Column("ca_type", String(32), primary_key=True),
    Column("ref", String(255), primary_key=True),
    **_OURS,
)

project_lock = Table("project_lock", METADATA, Column("project_id", String(255), primary_key=True), **_OURS)

encryption_canary = Table(
    "encryption_canary",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sealed", Text, nullable=False),
    **_OURS,
)
