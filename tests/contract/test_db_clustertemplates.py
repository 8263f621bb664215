import pytest
from sqlalchemy import null

from magnum.db import clustertemplates
from magnum.db.errors import Ambiguous, NotFound
from magnum.db.tables import cluster_template
from magnum.model.clustertemplates import ClusterTemplate, Coe
from magnum.model.paging import Page
from magnum.model.requesters import EVERYTHING, Scope

FISHERS = Scope(project_id="fishers")


@pytest.fixture
def insert(database, make):
    def insert_one(**fields):
        given = {
            "uuid": make.uuid(),
            "name": "boat",
            "project_id": "fishers",
            "user_id": "ann",
            "coe": Coe.SWARM_MODE,
            "image_id": "debian-12",
            "cluster_distro": "debian",
        }
        new = ClusterTemplate(**given | fields)
        database.write(lambda tx: clustertemplates.insert(tx, new))
        return new.uuid

    return insert_one


def listed(database, scope=FISHERS, **page):
    found = database.read(lambda tx: clustertemplates.list_page(tx, scope, Page(**{"limit": 100} | page)))
    return [template.uuid for template in found]


def get(database, ident, scope=FISHERS):
    return database.read(lambda tx: clustertemplates.get(tx, ident, scope))


def test_a_template_reads_as_it_was_written(database, insert):
    uuid = insert(labels={"a": "b"}, tls_disabled=True, floating_ip_enabled=False, apiserver_port=6443, tags="x,y")
    found = get(database, uuid)
    assert (found.coe, found.labels, found.tls_disabled) == (Coe.SWARM_MODE, {"a": "b"}, True)
    assert (found.floating_ip_enabled, found.apiserver_port, found.server_type, found.tags) == (
        False,
        6443,
        "vm",
        "x,y",
    )


@pytest.mark.parametrize(
    ("public", "hidden", "others_see"),
    [(False, False, False), (False, True, False), (True, False, True), (True, True, False)],
)
def test_who_sees_a_template(database, insert, public, hidden, others_see):
    uuid = insert(public=public, hidden=hidden)
    for scope, sees in ((FISHERS, True), (EVERYTHING, True), (Scope(project_id="miners"), others_see)):
        assert listed(database, scope) == ([uuid] if sees else [])
        for ident in (uuid, "boat"):
            if sees:
                assert get(database, ident, scope).uuid == uuid
            else:
                with pytest.raises(NotFound):
                    get(database, ident, scope)


def test_a_public_one_of_the_same_name_makes_the_name_ambiguous(database, insert):
    insert()
    insert(project_id="miners", public=True)
    with pytest.raises(Ambiguous):
        get(database, "boat")


def test_null_booleans_of_old_rows_read_as_their_defaults(database, insert):
    uuid = insert(public=True)
    columns = ("hidden", "registry_enabled", "tls_disabled", "master_lb_enabled", "floating_ip_enabled", "server_type")
    database.write(
        lambda tx: tx.execute(cluster_template.update().values(dict.fromkeys(columns, null()) | {"coe": "nomad"}))
    )
    found = get(database, uuid, Scope(project_id="miners"))
    assert not any((found.hidden, found.registry_enabled, found.tls_disabled, found.master_lb_enabled))
    assert found.floating_ip_enabled
    assert (found.server_type, found.coe) == ("vm", "nomad")


def test_pages_of_templates(database, insert):
    uuids = [insert(name=name) for name in ("c", "a", "b")]
    assert listed(database, sort_key="name", limit=2) == [uuids[1], uuids[2]]
    assert listed(database, sort_key="name", marker=uuids[2]) == [uuids[0]]
    assert listed(database, sort_key="public", descending=True) == uuids[::-1]


def test_update_and_delete(database, insert):
    uuid = insert()
    database.write(lambda tx: clustertemplates.update(tx, uuid, public=True, labels={"n": "1"}))
    found = database.read(lambda tx: clustertemplates.read(tx, uuid))
    assert (found.public, found.labels) == (True, {"n": "1"})
    assert found.updated_at is not None
    database.write(lambda tx: clustertemplates.delete(tx, uuid))
    for query in (clustertemplates.read, clustertemplates.delete, clustertemplates.update):
        with pytest.raises(NotFound):
            database.write(lambda tx, query=query: query(tx, uuid))


def test_a_template_can_be_kept_as_it_is(database, insert, make):
    uuid = insert()
    for shared in (True, False):
        database.write(lambda tx, shared=shared: clustertemplates.lock(tx, uuid, shared=shared))
    with pytest.raises(NotFound):
        database.write(lambda tx: clustertemplates.lock(tx, make.uuid()))
