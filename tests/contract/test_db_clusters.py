import pytest
from sqlalchemy import event, text

from magnum.db import clusters, nodegroups, operations
from magnum.db.errors import AlreadyExists, Ambiguous, CannotHold, NotFound, UnknownSortKey
from magnum.model.paging import Page
from magnum.model.requesters import EVERYTHING, Scope
from magnum.model.statuses import Status, UnknownStatus

FISHERS = Scope(project_id="fishers")
MINERS = Scope(project_id="miners")


def list_uuids(database, scope=FISHERS, **page):
    found = database.read(lambda tx: clusters.summaries(tx, scope, Page(**{"limit": 100} | page)))
    return [summary.cluster.uuid for summary in found]


def test_a_cluster_reads_as_it_was_written(database, make, clock):
    labels = {"kube_tag": "v1.2", "emoji": "🐟", "empty": ""}
    uuid = database.write(lambda tx: make.cluster(tx, labels=labels, create_timeout=0, floating_ip_enabled=False))
    found = database.read(lambda tx: clusters.read(tx, uuid))
    assert (found.labels, found.create_timeout, found.floating_ip_enabled) == (labels, 0, False)
    assert found.status is Status.CREATE_IN_PROGRESS
    assert found.created_at.timestamp() * 1_000_000 == clock.now()
    assert found.created_at.utcoffset().total_seconds() == 0
    assert found.updated_at is None
    assert found.master_lb_enabled is None


def test_a_summary_has_the_sums_over_the_node_groups(database, make):
    def write(tx):
        uuid = make.cluster(tx, counts=(3, 2))
        make.nodegroup(tx, uuid, name="gpu", role="gpu", node_count=4, node_addresses=("10.0.0.8", "10.0.0.9"))
        for group in nodegroups.of_cluster(tx, uuid):
            if group.is_default:
                nodegroups.update(tx, group.uuid, node_addresses=(f"10.0.1.{group.node_count}",))
        return uuid

    uuid = database.write(write)
    found = database.read(lambda tx: clusters.get(tx, uuid, FISHERS))
    assert (found.master_count, found.node_count) == (3, 6)
    assert found.master_addresses == ("10.0.1.3",)
    assert found.node_addresses == ("10.0.1.2", "10.0.0.8", "10.0.0.9")
    assert found.generation == 1


def test_the_generation_of_a_summary_rises_when_touched(database, make):
    uuid = database.write(make.cluster)
    database.write(lambda tx: operations.touch(tx, uuid))
    assert database.read(lambda tx: clusters.get(tx, uuid, FISHERS)).generation == 2


def test_a_page_is_one_statement_however_many_clusters_are_on_it(database, make):
    def write(tx):
        for number in range(7):
            make.cluster(tx, name=f"c{number}")

    database.write(write)
    statements = []

    @event.listens_for(database._reader, "before_cursor_execute")
    def count(_connection, _cursor, statement, *_):
        statements.append(statement)

    assert len(list_uuids(database, sort_key="name")) == 7
    assert [statement for statement in statements if not statement.startswith("BEGIN")] == [statements[-1]]


def test_a_cluster_without_node_groups_or_state_is_listed(database, make):
    """It is so in a database that was taken over half-way."""
    uuid = database.write(lambda tx: make.cluster(tx, counts=(), state=False))
    found = database.read(lambda tx: clusters.get(tx, uuid, FISHERS))
    assert (found.master_count, found.node_count, found.generation) == (0, 0, 1)


def test_an_ident_that_reads_as_a_uuid_is_one_in_any_form(database, make):
    uuid = database.write(make.cluster)
    for ident in (uuid, uuid.upper(), uuid.replace("-", "")):
        assert database.read(lambda tx, ident=ident: clusters.get(tx, ident, FISHERS)).cluster.uuid == uuid


def test_names_are_exact(database, make):
    uuid = database.write(lambda tx: make.cluster(tx, name="Seafood"))
    assert database.read(lambda tx: clusters.get(tx, "Seafood", FISHERS)).cluster.uuid == uuid
    for ident in ("seafood", "SEAFOOD", "Seafood ", "Seafo%d", "Seafood\0", "Seafood\ud800"):
        with pytest.raises(NotFound, match="could not be found"):
            database.read(lambda tx, ident=ident: clusters.get(tx, ident, FISHERS))


def test_a_name_used_twice_is_ambiguous_within_a_scope_only(database, make):
    mine = database.write(make.cluster)
    database.write(lambda tx: make.cluster(tx, project_id="miners"))
    assert database.read(lambda tx: clusters.get(tx, "seafood", FISHERS)).cluster.uuid == mine
    with pytest.raises(Ambiguous, match="UUID"):
        database.read(lambda tx: clusters.get(tx, "seafood", EVERYTHING))


def test_a_scope_sees_its_own_and_a_scope_of_nobody_sees_nothing(database, make):
    mine = database.write(make.cluster)
    other = database.write(lambda tx: make.cluster(tx, project_id="miners", user_id="bob"))
    assert list_uuids(database) == [mine]
    assert list_uuids(database, Scope(user_id="bob")) == [other]
    assert list_uuids(database, EVERYTHING) == [mine, other]
    assert list_uuids(database, Scope()) == []
    assert database.read(lambda tx: clusters.count(tx, MINERS)) == 1
    assert database.read(lambda tx: clusters.count(tx, EVERYTHING)) == 2
    with pytest.raises(NotFound):
        database.read(lambda tx: clusters.get(tx, other, FISHERS))


@pytest.mark.parametrize("descending", [False, True])
def test_pages_follow_one_another_without_gap_or_double_whatever_they_are_sorted_by(database, make, descending):
    def write(tx):
        for name, size, lb, labels in (
            ("b", 3, True, {}),
            ("a", None, None, {"z": "1"}),
            ("b", 1, False, {"a": "2"}),
            (None, 3, None, {}),
            ("c", None, True, {"z": "1"}),
        ):
            make.cluster(tx, name=name, docker_volume_size=size, master_lb_enabled=lb, labels=labels)

    database.write(write)
    for key in sorted(clusters.SORT_KEYS):
        whole = list_uuids(database, sort_key=key, descending=descending)
        assert len(set(whole)) == 5
        walked, marker = [], None
        while page := list_uuids(database, limit=2, marker=marker, sort_key=key, descending=descending):
            walked += page
            marker = page[-1]
        assert walked == whole, key


def test_null_sorts_first_and_id_breaks_ties(database, make):
    sizes = (5, None, 5, 1, None)
    uuids = database.write(lambda tx: [make.cluster(tx, docker_volume_size=size) for size in sizes])
    assert list_uuids(database, sort_key="docker_volume_size") == [uuids[index] for index in (1, 4, 3, 0, 2)]


def test_a_marker_that_is_not_seen_is_not_found(database, make):
    foreign = database.write(lambda tx: make.cluster(tx, project_id="miners"))
    for marker in (foreign, make.uuid()):
        with pytest.raises(NotFound):
            list_uuids(database, marker=marker)


@pytest.mark.parametrize("key", ["node_count", "trustee_password", "no such", "id; DROP TABLE cluster"])
def test_only_columns_that_are_shown_sort(database, key):
    with pytest.raises(UnknownSortKey, match="sort by"):
        list_uuids(database, sort_key=key)


def test_an_update_sets_what_it_is_given_and_when(database, make, clock):
    uuid = database.write(lambda tx: make.cluster(tx, labels={"a": "b"}))
    clock.advance(60)
    database.write(
        lambda tx: clusters.update(tx, uuid, status=Status.CREATE_COMPLETE, api_address="tcp://10.0.0.2:2376")
    )
    found = database.read(lambda tx: clusters.read(tx, uuid))
    assert (found.status, found.api_address, found.labels) == (
        Status.CREATE_COMPLETE,
        "tcp://10.0.0.2:2376",
        {"a": "b"},
    )
    assert (found.updated_at - found.created_at).total_seconds() == 60


def test_an_update_of_a_column_that_is_not_there_is_a_mistake(database, make):
    uuid = database.write(make.cluster)
    with pytest.raises(TypeError, match="no column colour"):
        database.write(lambda tx: clusters.update(tx, uuid, colour="red"))


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"name": "n" * 256}, "name"),
        ({"name": "half \ud800"}, "name"),
        ({"name": "nul \0"}, "name"),
        ({"labels": {"key": "v" * 70_000}}, "labels"),
    ],
)
def test_text_that_its_column_cannot_hold_is_refused_by_name(database, make, columns, field):
    with pytest.raises(CannotHold, match="cannot be stored") as caught:
        database.write(lambda tx: make.cluster(tx, **columns))
    assert caught.value.field == field
    assert list_uuids(database, EVERYTHING) == []


def test_text_for_people_is_cut_instead(database, make):
    uuid = database.write(lambda tx: make.cluster(tx, status_reason="Ünfug 🐟\0\ud800." * 7_000))
    reason = database.read(lambda tx: clusters.read(tx, uuid)).status_reason
    assert 15_990 < len(reason.encode()) <= 16_000
    assert reason.startswith("Ünfug ��.Ünfug")
    assert reason.endswith("…")


def test_a_row_of_another_release_is_read_tolerantly(database, make):
    uuid = database.write(make.cluster)
    strange = text("UPDATE cluster SET labels = :labels, health_status_reason = NULL, status = 'HIBERNATING'")
    database.write(lambda tx: tx.execute(strange, {"labels": '{"a": 1, "b": true, "c": null}'}))
    found = database.read(lambda tx: clusters.read(tx, uuid))
    assert found.labels == {"a": "1", "b": "True"}
    assert found.health_status_reason == {}
    assert found.status == UnknownStatus("HIBERNATING")
    database.write(lambda tx: clusters.delete(tx, uuid))


def test_a_uuid_is_taken_once(database, make):
    uuid = database.write(make.cluster)
    with pytest.raises(AlreadyExists, match="exists already"):
        database.write(lambda tx: make.cluster(tx, uuid=uuid))


def test_a_deleted_cluster_is_gone_and_its_state_stays(database, make):
    uuid = database.write(make.cluster)
    database.write(lambda tx: clusters.delete(tx, uuid))
    for query in (clusters.read, clusters.delete, lambda tx, uuid: clusters.update(tx, uuid, name="x")):
        with pytest.raises(NotFound):
            database.write(lambda tx, query=query: query(tx, uuid))
    assert database.write(lambda tx: operations.lock(tx, uuid)).generation == 1


def test_a_template_in_use_is_seen(database, make):
    uuid = database.write(lambda tx: make.cluster(tx, cluster_template_id="t1"))
    assert database.read(lambda tx: clusters.exists_with_template(tx, "t1"))
    assert not database.read(lambda tx: clusters.exists_with_template(tx, "t2"))
    assert database.read(clusters.all_uuids) == [uuid]
