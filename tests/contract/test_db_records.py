"""The small tables: ledger, events, credentials, signing, key pairs, canary, services, projects, quotas."""

import uuid

import msgspec
import pytest
from sqlalchemy import text

from magnum.db import (
    authorities,
    canary,
    credentials,
    events,
    federations,
    ledger,
    nodes,
    projects,
    quotas,
    services,
    signing,
    x509keypairs,
)
from magnum.db.engine import open_database
from magnum.db.errors import AlreadyExists, Ambiguous, NotFound
from magnum.model.clocks import SystemClock
from magnum.model.credentials import NodeCredential, NodeIdentity
from magnum.model.events import Event, EventLevel
from magnum.model.federations import Federation
from magnum.model.ledger import ResourceState
from magnum.model.nodes import Node, NodeState
from magnum.model.paging import Page
from magnum.model.quotas import Quota
from magnum.model.requesters import Scope
from magnum.model.signing import CaType, NodeLimits, SignRequest, SignState
from magnum.model.statuses import Status
from magnum.model.x509keypairs import X509KeyPair

SECOND = 1_000_000


def test_an_attempt_is_one_row_whatever_becomes_of_it(database, clock):
    first = database.write(lambda tx: ledger.attempt(tx, "c", "machine", "web-1"))
    assert (first.state, first.provider_id, first.attempted_at) == (ResourceState.ATTEMPTED, None, clock.now())

    clock.advance(5)
    again = database.write(lambda tx: ledger.attempt(tx, "c", "machine", "web-1"))
    assert (again.id, again.attempted_at) == (first.id, clock.now())

    database.write(lambda tx: ledger.confirm(tx, first.id, "id-1"))
    clock.advance(5)
    present = database.write(lambda tx: ledger.attempt(tx, "c", "machine", "web-1"))
    assert (present.id, present.state, present.provider_id) == (first.id, ResourceState.PRESENT, "id-1")
    assert present.attempted_at == again.attempted_at

    database.write(lambda tx: ledger.gone(tx, first.id))
    assert database.read(lambda tx: ledger.of_cluster(tx, "c"))[0].state is ResourceState.GONE
    anew = database.write(lambda tx: ledger.attempt(tx, "c", "machine", "web-1"))
    assert (anew.id, anew.state, anew.provider_id) == (first.id, ResourceState.ATTEMPTED, None)


def test_the_ledger_keeps_clusters_kinds_and_names_apart(database):
    keys = [("c", "machine", "a"), ("c", "volume", "a"), ("c", "machine", "A"), ("d", "machine", "a")]
    made = [database.write(lambda tx, key=key: ledger.attempt(tx, *key)) for key in keys]
    assert len({resource.id for resource in made}) == 4
    assert database.read(lambda tx: ledger.of_cluster(tx, "c")) == tuple(made[:3])
    database.write(lambda tx: ledger.forget(tx, "c"))
    assert database.read(lambda tx: ledger.of_cluster(tx, "c")) == ()
    assert database.read(lambda tx: ledger.of_cluster(tx, "d")) == (made[3],)
    with pytest.raises(NotFound):
        database.write(lambda tx: ledger.confirm(tx, made[0].id, "x"))


def test_events_are_read_in_order_and_from_where_one_stopped(database):
    def write(tx):
        for number in range(5):
            events.insert(tx, Event(cluster_uuid="c", at=number, kind="cluster.create", text=f"e{number}"))
        events.insert(tx, Event(cluster_uuid="d", at=0, kind="x", text="other", level=EventLevel.ERROR))

    database.write(write)
    first = database.read(lambda tx: events.of_cluster(tx, "c", limit=3))
    rest = database.read(lambda tx: events.of_cluster(tx, "c", after=first[-1].id))
    assert [event.text for event in first + rest] == ["e0", "e1", "e2", "e3", "e4"]
    assert database.read(lambda tx: events.of_cluster(tx, "d"))[0].level is EventLevel.ERROR
    database.write(lambda tx: events.forget(tx, "c"))
    assert database.read(lambda tx: events.of_cluster(tx, "c")) == []


def credential(clock, token_hash, node_uuid="n1", *, seconds=60):
    return NodeCredential(
        token_hash=token_hash,
        cluster_uuid="c",
        node_uuid=node_uuid,
        node_name="web-1",
        limits=NodeLimits(common_name="web-1", dns_names=("web-1",), ca_types=(CaType.ETCD,)),
        expires_at=clock.now() + seconds * SECOND,
    )


def test_a_credential_is_found_until_it_ends(database, clock):
    given = credential(clock, "hash")
    database.write(lambda tx: credentials.insert(tx, given))
    assert database.read(lambda tx: credentials.find(tx, "hash")) == given
    assert database.read(lambda tx: credentials.find(tx, "HASH")) is None
    clock.advance(60)
    assert database.read(lambda tx: credentials.find(tx, "hash")) is None


def test_what_a_node_may_have_signed_is_known_as_long_as_the_node(database):
    limits = NodeLimits(common_name="web-1", dns_names=("web-1",), ca_types=(CaType.ETCD,))
    node = Node(uuid=str(uuid.uuid4()), cluster_uuid="c", nodegroup_uuid="g", number=1, name="web-1", role="worker")
    database.write(lambda tx: nodes.insert(tx, node))
    assert database.read(lambda tx: nodes.find_identity(tx, "c", "web-1")) is None
    database.write(lambda tx: nodes.keep_limits(tx, node.uuid, limits))
    database.write(lambda tx: nodes.save(tx, msgspec.structs.replace(node, state=NodeState.JOINED)))
    known = NodeIdentity(cluster_uuid="c", node_uuid=node.uuid, node_name="web-1", limits=limits)
    assert database.read(lambda tx: nodes.find_identity(tx, "c", "web-1")) == known
    for cluster, name in (("d", "web-1"), ("c", "WEB-1"), ("c", "web-2")):
        assert database.read(lambda tx, c=cluster, n=name: nodes.find_identity(tx, c, n)) is None
    database.write(lambda tx: nodes.delete(tx, node.uuid))
    assert database.read(lambda tx: nodes.find_identity(tx, "c", "web-1")) is None


def test_authorities_that_are_trusted_beside_others(database):
    for refs in ({CaType.KUBERNETES: "b", CaType.ETCD: "e"}, {CaType.KUBERNETES: "a"}, {CaType.KUBERNETES: "a"}):
        database.write(lambda tx, refs=refs: authorities.trust(tx, "c", refs))
    database.write(lambda tx: authorities.trust(tx, "d", {CaType.ETCD: "x"}))

    def trusted(cluster, ca_type):
        return database.read(lambda tx: authorities.of_cluster(tx, cluster, ca_type))

    assert (trusted("c", CaType.KUBERNETES), trusted("c", CaType.ETCD)) == (("a", "b"), ("e",))
    assert trusted("c", CaType.FRONT_PROXY) == ()
    database.write(lambda tx: authorities.forget(tx, "c"))
    assert (trusted("c", CaType.KUBERNETES), trusted("d", CaType.ETCD)) == ((), ("x",))


def test_all_credentials_of_a_node_end_together(database, clock):
    for token_hash, node in (("a", "n1"), ("b", "n1"), ("c", "n2")):
        given = credential(clock, token_hash, node)
        database.write(lambda tx, given=given: credentials.insert(tx, given))
    database.write(lambda tx: credentials.end_node(tx, "n1"))
    assert [database.read(lambda tx, h=h: credentials.find(tx, h)) is None for h in "abc"] == [True, True, False]
    database.write(lambda tx: credentials.delete_of_cluster(tx, "c"))
    assert database.read(lambda tx: credentials.find(tx, "c")) is None


def ask(database, clock, make, **fields):
    given = {"uuid": make.uuid(), "cluster_uuid": "c", "csr": "csr", "expires_at": clock.now() + 5 * SECOND}
    request = SignRequest(**given | fields)
    database.write(lambda tx: signing.insert(tx, request))
    return request


def take(database, limit=10):
    return database.write(lambda tx: signing.waiting(tx, limit))


def test_a_request_to_sign_goes_to_one_conductor_at_a_time(database, clock, make):
    limits = NodeLimits(common_name="web-1")
    asked = [ask(database, clock, make, limits=limits, ca_type=CaType.ETCD), ask(database, clock, make)]
    assert take(database, 1) == asked[:1]
    assert take(database) == asked[1:]
    assert take(database) == []
    clock.advance(signing.LEASE_SECONDS + 0.1)
    assert take(database) == asked


def test_a_request_is_answered_once(database, clock, make):
    asked = ask(database, clock, make)
    take(database)
    assert database.write(lambda tx: signing.answer(tx, asked.uuid, pem="pem"))
    assert not database.write(lambda tx: signing.answer(tx, asked.uuid, error="late"))
    found = database.read(lambda tx: signing.get(tx, asked.uuid))
    assert (found.state, found.pem, found.error) == (SignState.SIGNED, "pem", None)
    database.write(lambda tx: signing.delete(tx, asked.uuid))
    with pytest.raises(NotFound):
        database.read(lambda tx: signing.get(tx, asked.uuid))
    assert not database.write(lambda tx: signing.answer(tx, asked.uuid, pem="pem"))


def test_a_refusal_says_why(database, clock, make):
    asked = ask(database, clock, make)
    database.write(lambda tx: signing.answer(tx, asked.uuid, error="The key is weak."))
    found = database.read(lambda tx: signing.get(tx, asked.uuid))
    assert (found.state, found.error) == (SignState.REFUSED, "The key is weak.")
    for answer in ({}, {"pem": "a", "error": "b"}):
        with pytest.raises(ValueError, match="with a certificate or with an error"):
            database.write(lambda tx, answer=answer: signing.answer(tx, asked.uuid, **answer))


def test_expired_requests_are_not_handed_out_and_go(database, clock, make):
    ask(database, clock, make)
    kept = ask(database, clock, make, expires_at=clock.now() + 60 * SECOND)
    clock.advance(5)
    assert take(database) == [kept]
    assert database.write(signing.delete_expired) == 1
    assert database.read(lambda tx: signing.get(tx, kept.uuid)) == kept


def test_a_key_pair_is_kept_and_does_not_show_its_secrets(database, make):
    given = X509KeyPair(uuid=make.uuid(), certificate="cert", private_key="KEY", private_key_passphrase="PASS")
    database.write(lambda tx: x509keypairs.insert(tx, given))
    found = database.read(lambda tx: x509keypairs.get(tx, given.uuid))
    assert found == given
    assert "KEY" not in repr(found)
    assert "PASS" not in repr(found)
    with pytest.raises(AlreadyExists):
        database.write(lambda tx: x509keypairs.insert(tx, given))
    for _ in range(2):
        database.write(lambda tx: x509keypairs.delete(tx, given.uuid))
    assert database.read(lambda tx: x509keypairs.get(tx, given.uuid)) is None


def test_there_is_one_canary(database):
    assert database.read(canary.get) is None
    for sealed in ("first", "second"):
        database.write(lambda tx, sealed=sealed: canary.put(tx, sealed))
    assert database.read(canary.get) == "second"
    assert database.read(lambda tx: tx.execute(text("SELECT count(*) FROM encryption_canary")).scalar()) == 1


def test_heartbeats_are_counted_per_process(database, clock):
    for host in ("a", "a", "b"):
        clock.advance(60)
        database.write(lambda tx, host=host: services.heartbeat(tx, host, "magnum-conductor"))
    found = database.read(services.list_all)
    assert [(service.host, service.report_count) for service in found] == [("a", 2), ("b", 1)]
    assert (found[0].last_seen_up - found[0].created_at).total_seconds() == 60
    assert not found[0].disabled
    assert not found[0].forced_down


def test_a_project_is_locked_whether_or_not_it_is_known(database):
    for project in ("fishers", "Fishers", "fishers", ""):
        database.write(lambda tx, project=project: projects.lock(tx, project))
    assert database.read(lambda tx: tx.execute(text("SELECT count(*) FROM project_lock")).scalar()) == 3


def test_a_quota_is_that_of_its_project_and_resource(database):
    rows = (
        "INSERT INTO quotas (project_id, resource, hard_limit) VALUES ('fishers', 'Cluster', 0), ('miners', 'Node', 7)"
    )
    database.write(lambda tx: tx.execute(text(rows)))
    for project, resource, limit in (
        ("fishers", "Cluster", 0),
        ("miners", "Node", 7),
        ("Fishers", "Cluster", None),
        ("miners", "Cluster", None),
    ):
        found = database.read(lambda tx, p=project, r=resource: quotas.find(tx, p, r))
        assert (found and found.hard_limit) == limit


def test_quotas_are_set_listed_changed_and_removed_one_by_one(database, clock):
    def put(project, limit=1):
        return database.write(
            lambda tx: quotas.insert(tx, Quota(project_id=project, resource="Cluster", hard_limit=limit))
        )

    first, second = put("fishers"), put("Fishers-2", 0)
    assert (first.hard_limit, first.updated_at, second.id) == (1, None, first.id + 1)
    with pytest.raises(AlreadyExists):
        put("fishers", 9)
    clock.advance(5)
    changed = database.write(lambda tx: quotas.update(tx, "fishers", "Cluster", 7))
    assert (changed.hard_limit, changed.id, changed.updated_at > changed.created_at) == (7, first.id, True)
    page = Page(limit=9, marker=first.id)
    assert database.read(lambda tx: quotas.list_page(tx, page, project_id=None)) == [second]
    assert database.read(lambda tx: quotas.list_page(tx, Page(limit=9), project_id="fishers")) == [changed]
    database.write(lambda tx: quotas.delete(tx, "fishers", "Cluster"))
    assert database.read(lambda tx: quotas.list_page(tx, Page(limit=9), project_id=None)) == [second]
    for change in (lambda tx: quotas.update(tx, "no", "Cluster", 1), lambda tx: quotas.delete(tx, "no", "Cluster")):
        with pytest.raises(NotFound):
            database.write(change)


def test_federations_belong_to_projects(database):
    made = Federation(
        uuid="6c5dddbe-a7f4-4284-9093-df35a8e29ffa",
        name="fed",
        project_id="fishers",
        hostcluster_id="c",
        member_ids=("d",),
        properties={"dns-zone": "x"},
        status=Status.CREATE_FAILED,
    )
    database.write(lambda tx: federations.insert(tx, made))
    own = Scope(project_id="fishers")
    found = database.read(lambda tx: federations.get(tx, "fed", own))
    assert (found.member_ids, found.properties, found.status) == (("d",), {"dns-zone": "x"}, Status.CREATE_FAILED)
    assert database.read(lambda tx: federations.list_page(tx, own, Page(limit=9))) == [found]
    for scope in (Scope(project_id="others"), Scope(user_id="ann"), Scope()):
        assert database.read(lambda tx, s=scope: federations.list_page(tx, s, Page(limit=9))) == []
    database.write(lambda tx: federations.update(tx, made.uuid, member_ids=["e"]))
    assert database.write(lambda tx: federations.get(tx, made.uuid.upper(), own, lock=True)).member_ids == ("e",)
    database.write(lambda tx: federations.insert(tx, msgspec.structs.replace(made, uuid=str(uuid.UUID(int=7)))))
    with pytest.raises(Ambiguous):
        database.read(lambda tx: federations.get(tx, "fed", own))
    database.write(lambda tx: federations.delete(tx, made.uuid))
    with pytest.raises(NotFound):
        database.write(lambda tx: federations.delete(tx, made.uuid))


def test_the_time_is_near_ours_wherever_it_comes_from(database_url):
    clock = SystemClock()
    opened = open_database(database_url, clock=clock)
    first, second = (opened.read(opened.now) for _ in range(2))
    opened.dispose()
    assert first < second
    assert abs(first - clock.now()) < 5 * SECOND
