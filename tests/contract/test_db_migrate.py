import shutil

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, String, inspect, text

from magnum.db import clusters, clustertemplates, migrate, nodegroups, operations, services, tables, x509keypairs
from magnum.db.engine import open_database
from magnum.db.migrations import adoption
from magnum.model.clocks import SystemClock
from magnum.model.paging import Page
from magnum.model.requesters import EVERYTHING
from magnum.model.statuses import Status

HEAD = "0005"
NAME, LONG = "VARCHAR(255)", "VARCHAR(512)"
STAMPS = {"created_at": "DATETIME", "updated_at": "DATETIME"}
ID = {"id": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"}


def names(*columns, kind=NAME):
    return dict.fromkeys(columns, kind)


# The existing service's tables as its release 11 has them, and what later releases added.
BASELINE = {
    "cluster": STAMPS
    | ID
    | {"uuid": "VARCHAR(36)"}
    | names("name", "cluster_template_id", "api_address", "stack_id", "project_id", "user_id")
    | {"status": "VARCHAR(20)", "discovery_url": NAME, "status_reason": "TEXT"}
    | names("ca_cert_ref", "magnum_cert_ref", kind=LONG)
    | {"create_timeout": "INTEGER"}
    | names("trust_id", "trustee_username", "trustee_user_id", "trustee_password")
    | names("coe_version", "container_version", "keypair")
    | {"docker_volume_size": "INTEGER", "labels": "TEXT"}
    | names("master_flavor_id", "flavor_id")
    | {"health_status": "VARCHAR(20)", "health_status_reason": "TEXT"}
    | names("fixed_network", "fixed_subnet")
    | names("floating_ip_enabled", "master_lb_enabled", kind="BOOLEAN"),
    "cluster_template": STAMPS
    | ID
    | {"uuid": "VARCHAR(36)"}
    | names("name", "flavor_id", "keypair_id", "image_id", "external_network_id", "dns_nameserver")
    | {"apiserver_port": "INTEGER"}
    | names("project_id", "user_id")
    | {"docker_volume_size": "INTEGER"}
    | names("fixed_network", "master_flavor_id", "cluster_distro", "coe", "http_proxy", "https_proxy", "no_proxy")
    | {"registry_enabled": "BOOLEAN", "network_driver": NAME, "labels": "TEXT"}
    | names("tls_disabled", "public", kind="BOOLEAN")
    | {"server_type": "VARCHAR(255) DEFAULT 'vm'", "volume_driver": NAME, "insecure_registry": NAME}
    | {"docker_storage_driver": LONG, "master_lb_enabled": "BOOLEAN", "fixed_subnet": NAME}
    | names("floating_ip_enabled", "hidden", kind="BOOLEAN"),
    "nodegroup": STAMPS
    | ID
    | {"uuid": "VARCHAR(36) NOT NULL"}
    | names("name", "cluster_id", "project_id", kind="VARCHAR(255) NOT NULL")
    | {"docker_volume_size": "INTEGER", "labels": "TEXT", "flavor_id": NAME, "image_id": NAME, "node_addresses": "TEXT"}
    | names("node_count", "max_node_count", "min_node_count", kind="INTEGER")
    | {"role": NAME, "is_default": "BOOLEAN", "stack_id": NAME, "status": "VARCHAR(20)"}
    | {"status_reason": "TEXT", "version": "VARCHAR(20)"},
    "federation": STAMPS
    | ID
    | names("project_id", "uuid", "name", "hostcluster_id")
    | {"member_ids": "TEXT", "status": "VARCHAR(20)", "status_reason": "TEXT", "properties": "TEXT"},
    "magnum_service": STAMPS
    | ID
    | {"report_count": "INTEGER NOT NULL", "host": NAME, "binary": NAME, "disabled": "BOOLEAN"}
    | {"disabled_reason": NAME, "last_seen_up": "DATETIME", "forced_down": "BOOLEAN"},
    "quotas": ID | STAMPS | names("project_id", "resource") | {"hard_limit": "INTEGER NOT NULL"},
    "x509keypair": ID
    | STAMPS
    | {"uuid": "VARCHAR(36)", "certificate": "TEXT", "private_key": "TEXT"}
    | names("project_id", "user_id")
    | {"intermediates": "TEXT", "private_key_passphrase": "TEXT"},
}
KEYS = [
    ("cluster", "uniq_bay0uuid", "uuid"),
    ("cluster_template", "uniq_baymodel0uuid", "uuid"),
    ("federation", "uniq_federation0uuid", "uuid"),
    ("magnum_service", "uniq_magnum_service0host0binary", 'host, "binary"'),
    ("nodegroup", "uniq_nodegroup0uuid", "uuid"),
    ("nodegroup", "uniq_nodegroup0cluster_id0name", "cluster_id, name"),
    ("quotas", "uniq_quotas0project_id0resource", "project_id, resource"),
    ("x509keypair", "uniq_x509keypair0uuid", "uuid"),
]
ADDED = {
    "f1d8b0ab8b8d": [("cluster_template", "tags", NAME)],
    "7da8489d6a68": [("cluster", "etcd_ca_cert_ref", LONG), ("cluster", "front_proxy_ca_cert_ref", LONG)],
    "c0f832afc4fd": [("cluster_template", "driver", NAME)],
    "b3e1cf4a2d5e": [("nodegroup", "node_labels", "TEXT"), ("nodegroup", "node_taints", "TEXT")],
}
DROPPED = {"d7e6a4d39fe4": names("trust_id", "trustee_username", "trustee_user_id", "trustee_password")}
ADOPTABLE = [
    "c04e925e65c2",
    "95096e2334ee",
    "f1d8b0ab8b8d",
    "7da8489d6a68",
    "c0f832afc4fd",
    "d7e6a4d39fe4",
    "b3e1cf4a2d5e",
]
ROWS = """
INSERT INTO cluster (created_at, uuid, name, cluster_template_id, project_id, status, labels, master_lb_enabled)
    VALUES ('2021-04-19 10:00:00', 'c-1', 'old', 't-1', 'p', 'CREATE_COMPLETE', '{"kube_tag": "v1.18.2"}', 0);
INSERT INTO cluster (uuid, status) VALUES ('c-2', 'SOMETHING_ELSE');
INSERT INTO cluster_template (uuid, name, coe, public, server_type) VALUES ('t-1', 'k8s', 'kubernetes', 1, 'vm');
INSERT INTO cluster_template (uuid, name, coe, public) VALUES ('t-2', 'odd', 'nomad', 1);
INSERT INTO nodegroup (uuid, name, cluster_id, project_id, node_count, role, is_default, node_addresses, status)
    VALUES ('n-1', 'default-master', 'c-1', 'p', 1, 'master', 1, '["10.0.0.5"]', 'CREATE_COMPLETE');
INSERT INTO nodegroup (uuid, name, cluster_id, project_id, node_count, role, is_default)
    VALUES ('n-2', 'default-worker', 'c-1', 'p', 3, 'worker', 1);
INSERT INTO magnum_service (report_count, host, "binary") VALUES (7, 'ctl', 'magnum-conductor');
INSERT INTO quotas (project_id, resource, hard_limit) VALUES ('p', 'Cluster', 5);
INSERT INTO x509keypair (uuid, certificate, private_key, private_key_passphrase) VALUES ('x-1', 'cert', 'key', 'clear');
"""


# The existing service runs on these alone, and of the two only MariaDB is in use.
where_there_are_such = pytest.mark.parametrize("url", ["sqlite", "mariadb"], indirect=True)


@pytest.fixture
def database(url):
    opened = open_database(url, clock=SystemClock())
    yield opened
    opened.dispose()


def run(database, *statements):
    if database.dialect == "mysql":
        quoting = "SET SESSION sql_mode = 'TRADITIONAL,ANSI_QUOTES'"
        statements = (quoting, *statements, "SET SESSION sql_mode = 'TRADITIONAL'")
    database.write(lambda tx: [tx.exec_driver_sql(statement) for statement in statements])


def say(database, revision):
    change = text("UPDATE alembic_version SET version_num = :revision")
    database.write(lambda tx: tx.execute(change, {"revision": revision}))


def emulate(database, revision):
    """Make a database as the existing service leaves it at a revision."""
    schema = {table: dict(columns) for table, columns in BASELINE.items()}
    for step in ADOPTABLE[: ADOPTABLE.index(revision) + 1]:
        for table, column, kind in ADDED.get(step, ()):
            schema[table][column] = kind
        for column in DROPPED.get(step, ()):
            del schema["cluster"][column]
    for table, columns in schema.items():
        keys = [f"CONSTRAINT {key} UNIQUE ({unique})" for owner, key, unique in KEYS if owner == table]
        body = ", ".join([f'"{column}" {kind}' for column, kind in columns.items()] + keys)
        run(database, for_dialect(database, f"CREATE TABLE {table} ({body})"))
    run(database, for_dialect(database, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    run(database, "INSERT INTO alembic_version VALUES ('95096e2334ee')", *ROWS.strip().rstrip(";").split(";\n"))
    say(database, revision)


def for_dialect(database, statement):
    if database.dialect != "mysql":
        return statement
    return statement.replace("AUTOINCREMENT", "AUTO_INCREMENT") + " ENGINE=InnoDB DEFAULT CHARSET=utf8mb3"


def schema(database):
    """Describe every table but that of our revision: columns, keys and indexes."""

    def describe(tx):
        inspector = inspect(tx)
        return {
            name: (
                [{key: str(value) for key, value in column.items()} for column in inspector.get_columns(name)],
                inspector.get_pk_constraint(name),
                sorted(inspector.get_unique_constraints(name), key=str),
                sorted(inspector.get_indexes(name), key=str),
                inspector.get_table_options(name).get("mysql_default charset"),
            )
            for name in inspector.get_table_names()
            if name != adoption.VERSION_TABLE
        }

    return database.read(describe)


def index_of(table, name):
    return next(index for index in table.indexes if index.name == name)


def rows(database, table):
    return database.read(lambda tx: tx.execute(text(f"SELECT * FROM {table}")).mappings().all())  # noqa: S608


def test_an_empty_database_gets_exactly_the_tables_of_the_code(url, database):
    assert migrate.version(url) is None
    migrate.upgrade(url)
    migrated = schema(database)
    database.write(tables.METADATA.drop_all)
    migrate.create_all(database)
    assert schema(database) == migrated
    assert (migrate.version(url), migrate.check(url)) == (HEAD, [])


def test_autogenerate_finds_nothing_to_do(url, database):
    migrate.upgrade(url)
    options = {"version_table": adoption.VERSION_TABLE, "compare_type": True, "compare_server_default": True}

    def compare(tx):
        return compare_metadata(MigrationContext.configure(tx, opts=options), tables.METADATA)

    assert database.read(compare) == []


def test_an_upgrade_again_changes_nothing(url, database):
    migrate.upgrade(url)
    before = schema(database)
    migrate.upgrade(url)
    assert schema(database) == before


@where_there_are_such
@pytest.mark.parametrize("revision", ADOPTABLE)
def test_a_database_of_the_existing_service_is_taken_over(url, database, revision):
    emulate(database, revision)
    before = {table: rows(database, table) for table in BASELINE}
    migrate.upgrade(url)
    assert migrate.check(url) == []
    assert [row["version_num"] for row in rows(database, "alembic_version")] == [revision]
    for table, old in before.items():
        assert [
            {column: new[column] for column in row} for row, new in zip(old, rows(database, table), strict=True)
        ] == old


@where_there_are_such
def test_the_rows_of_a_database_that_was_taken_over_read_well(url, database):
    emulate(database, "95096e2334ee")
    migrate.upgrade(url)

    def read(tx):
        old, odd = clusters.summaries(tx, EVERYTHING, Page(limit=9))
        assert (old.cluster.status, old.cluster.labels) == (Status.CREATE_COMPLETE, {"kube_tag": "v1.18.2"})
        assert (old.master_count, old.node_count, old.master_addresses) == (1, 3, ("10.0.0.5",))
        assert old.cluster.created_at.isoformat() == "2021-04-19T10:00:00+00:00"
        assert (odd.cluster.status, odd.cluster.labels, odd.node_count) == ("SOMETHING_ELSE", {}, 0)
        assert [t.coe for t in clustertemplates.list_page(tx, EVERYTHING, Page(limit=9))] == ["kubernetes", "nomad"]
        assert [group.min_node_count for group in nodegroups.of_cluster(tx, "c-1")] == [0, 0]
        assert services.list_all(tx)[0].report_count == 7
        assert x509keypairs.get(tx, "x-1").private_key_passphrase == "clear"

    database.read(read)
    assert database.write(lambda tx: operations.lock(tx, "c-1")).epoch == 0


@where_there_are_such
def test_a_take_over_that_was_interrupted_is_finished(url, database):
    """As where DDL is not transactional: some of our tables are there, our revision is not."""
    emulate(database, "95096e2334ee")
    run(database, f"CREATE TABLE {adoption.VERSION_TABLE} (version_num VARCHAR(32) NOT NULL)")
    database.write(tables.operation.create)
    database.write(index_of(tables.operation, "ix_operation_state_next_attempt").drop)
    migrate.upgrade(url)
    assert migrate.check(url) == []


@where_there_are_such
@pytest.mark.parametrize(
    ("revision", "reason"),
    [("461d798132c7", "older than c04e925e65c2"), ("2581ebaf0cb2", "older"), ("0123456789ab", "does not know")],
)
def test_a_database_at_another_revision_is_refused_and_not_touched(url, database, revision, reason):
    emulate(database, "95096e2334ee")
    say(database, revision)
    before = schema(database)
    for change in (migrate.upgrade, lambda url: migrate.stamp(url, "head")):
        with pytest.raises(adoption.AdoptionRefused, match=reason):
            change(url)
    assert schema(database) == before


@where_there_are_such
def test_tables_that_nobody_vouches_for_are_refused(url, database):
    emulate(database, "95096e2334ee")
    run(database, "DROP TABLE alembic_version")
    with pytest.raises(adoption.AdoptionRefused, match="a table cluster but no row in alembic_version"):
        migrate.upgrade(url)


def test_the_known_revisions_are_a_chain_that_ends_with_those_that_we_adopt():
    assert len(set(adoption.KNOWN)) == len(adoption.KNOWN) == 77
    assert list(adoption.KNOWN[-7:]) == ADOPTABLE


def test_check_says_what_is_missing(url, database):
    assert migrate.check(url) == ["The database is not set up yet and must be at 0005: run `magnum-db-manage upgrade`."]
    migrate.upgrade(url)
    run(
        database,
        "DROP TABLE event",
        "ALTER TABLE cluster DROP COLUMN keypair",
        "CREATE TABLE of_somebody_else (id INTEGER)",
    )
    database.write(index_of(tables.cluster_state, "ix_cluster_state_owner").drop)
    assert sorted(migrate.check(url)) == [
        "Column keypair of table cluster is missing.",
        "Table event is missing.",
        "The index ix_cluster_state_owner of table cluster_state is missing.",
    ]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_looking_at_a_database_does_not_make_it(url, tmp_path):
    assert migrate.version(url) is None
    assert not migrate.history(url)[0].applied
    assert list(tmp_path.iterdir()) == []


def test_history_and_stamp(url):
    assert [(step.number, step.kind, step.applied) for step in migrate.history(url)] == [
        ("0001", "expand", False),
        ("0002", "expand", False),
        ("0003", "expand", False),
        ("0004", "expand", False),
        (HEAD, "expand", False),
    ]
    migrate.stamp(url, "head")
    assert migrate.version(url) == HEAD
    assert migrate.history(url)[-1].applied
    assert "Table cluster is missing." in migrate.check(url)


def test_a_new_revision_holds_the_difference_and_can_be_run(url, database, tmp_path, monkeypatch):
    scripts = tmp_path / "migrations"
    shutil.copytree(migrate.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate, "SCRIPTS", scripts)
    migrate.upgrade(url)
    colour = Column("colour", String(12))
    tables.quotas.append_column(colour)
    try:
        path = migrate.revision("add colour", autogenerate=True)
    finally:
        tables.quotas._columns.remove(colour)
    assert path == scripts / "versions" / "0006_expand_add_colour.py"
    assert migrate.revision("drop size", contract=True).name == "0007_contract_drop_size.py"
    assert [step.kind for step in migrate.history(url)] == [*["expand"] * 6, "contract"]
    assert migrate.check(url)[0].startswith("The database is at revision 0005 and must be at 0007")
    migrate.upgrade(url, "0006")
    assert migrate.version(url) == "0006"
    assert "colour" in {column["name"] for column in database.read(lambda tx: inspect(tx).get_columns("quotas"))}
