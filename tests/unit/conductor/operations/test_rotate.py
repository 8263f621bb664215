"""New authorities take the place of old ones, and no secret is left that no row names."""

import itertools

import pytest
from cryptography import x509
from simulation import Crash

from magnum.conductor.operations.certificates import references
from magnum.conductor.secrets import open_client_tls
from magnum.db import authorities, clusters
from magnum.db.tables import x509keypair
from magnum.model.ledger import ResourceState
from magnum.model.signing import CaType
from magnum.model.statuses import Status


@pytest.fixture
def cluster(world):
    uuid = world.create(nodes=2)
    world.settle()
    return uuid


def stored(world):
    return {row.uuid for row in world.database.read(lambda tx: tx.execute(x509keypair.select()).all())}


def named(world, cluster):
    return set(references(world.cluster(cluster)))


def load(world, ref):
    return x509.load_pem_x509_certificate(world.store.get(ref).certificate.encode())


def test_a_cluster_of_kubernetes_has_three_authorities(world, cluster):
    row = world.cluster(cluster)
    authorities = [load(world, ref) for ref in (row.ca_cert_ref, row.etcd_ca_cert_ref, row.front_proxy_ca_cert_ref)]
    assert len({authority.serial_number for authority in authorities}) == 3
    assert {authority.subject.rfc4514_string() for authority in authorities} == {"CN=seafood"}
    load(world, row.magnum_cert_ref).verify_directly_issued_by(authorities[0])


def test_all_are_made_anew_and_the_nodes_get_certificates_of_the_new_ones(world, cluster):
    before = named(world, cluster)
    world.rotate_ca(cluster)
    assert world.cluster(cluster).status == Status.UPDATE_IN_PROGRESS
    world.settle()
    row = world.cluster(cluster)
    assert row.status == Status.UPDATE_COMPLETE
    assert len(named(world, cluster)) == 4
    assert named(world, cluster) & before == set()
    assert stored(world) == named(world, cluster)
    load(world, row.magnum_cert_ref).verify_directly_issued_by(load(world, row.ca_cert_ref))
    assert set(world.cloud.marks(cluster, "certificate").values()) == {row.ca_cert_ref}
    assert len(world.cloud.marks(cluster, "certificate")) == 3


def trusted(world, cluster):
    """Give the references of the main authorities that are believed besides the one that is named."""
    return set(world.database.read(lambda tx: authorities.of_cluster(tx, cluster, CaType.KUBERNETES)))


def phases(world, cluster):
    """Watch a rotation: for each call to the provider, what was named and what was trusted then."""
    seen = []

    def watch(point):
        call = point.removeprefix("call: ").split(" ", maxsplit=1)[0]
        if call in ("trust", "renew", "drop") and point.startswith("call: "):
            seen.append((call, world.cluster(cluster).ca_cert_ref, frozenset(trusted(world, cluster))))

    world.settle(watch)
    return list(dict.fromkeys(seen))


def test_the_old_and_the_new_are_trusted_while_nodes_change_from_one_to_the_other(world, cluster):
    old = world.cluster(cluster).ca_cert_ref
    world.rotate_ca(cluster)
    (trust, renew, drop) = phases(world, cluster)
    new = world.cluster(cluster).ca_cert_ref
    assert trust == ("trust", old, {new})
    assert renew == ("renew", new, {new, old})
    assert drop == ("drop", new, frozenset())
    (operation,) = [o for o in world.operations(cluster) if o.kind == "rotate-ca"]
    for mark in ("trust", "drop"):
        assert list(world.cloud.marks(cluster, mark).values()) == [operation.uuid] * 3


@pytest.mark.parametrize("phase", ["trust", "renew", "drop"])
def test_a_retry_goes_on_with_the_same_authorities_where_it_failed(world, cluster, phase):
    old = named(world, cluster)
    world.database.write(lambda tx: clusters.update(tx, cluster, labels={"fake_faults": f"refuse:{phase}:not now"}))
    world.rotate_ca(cluster)
    world.settle()
    assert world.cluster(cluster).status == Status.UPDATE_FAILED
    assert bool(trusted(world, cluster)) == (phase != "drop")
    kept = stored(world)
    assert kept >= old
    world.database.write(lambda tx: clusters.update(tx, cluster, labels={}))
    world.retry(cluster)
    world.settle()
    assert world.cluster(cluster).status == Status.UPDATE_COMPLETE
    assert stored(world) == named(world, cluster) == kept - old
    assert trusted(world, cluster) == set()
    assert set(world.cloud.marks(cluster, "certificate").values()) == {world.cluster(cluster).ca_cert_ref}


def test_our_own_calls_believe_what_the_nodes_may_have(world, cluster):
    """Between the phases programs have certificates of either authority."""
    believed = {}

    def look(point):
        if point.startswith(("call: trust", "call: renew", "call: drop")):
            row = world.cluster(cluster)
            tls = open_client_tls(world.store, row, tuple(trusted(world, cluster)))
            believed[point.split()[1]] = tls.ca.count("BEGIN CERTIFICATE")

    world.rotate_ca(cluster)
    world.settle(look)
    assert believed == {"trust": 2, "renew": 2, "drop": 1}


def test_a_second_time_and_then_never_again(world, cluster):
    for _ in range(2):
        world.rotate_ca(cluster)
        world.settle()
    assert stored(world) == named(world, cluster)
    world.delete(cluster)
    world.settle()
    assert stored(world) == set()


def test_until_the_last_node_has_its_own_the_old_ones_stay(world, cluster):
    world.database.write(lambda tx: clusters.update(tx, cluster, labels={"fake_faults": "refuse:renew:not now"}))
    before = named(world, cluster)
    world.rotate_ca(cluster)
    world.settle()
    row = world.cluster(cluster)
    assert (row.status, "not now" in row.status_reason) == (Status.UPDATE_FAILED, True)
    assert stored(world) == named(world, cluster) | before
    standing = {
        r.provider_id for r in world.ledger(cluster) if (r.kind, r.state) == ("certificate", ResourceState.PRESENT)
    }
    assert standing == stored(world)
    world.delete(cluster)
    world.settle()
    assert stored(world) == set()


def test_what_a_failed_one_has_left_goes_with_the_next(world, cluster):
    world.database.write(lambda tx: clusters.update(tx, cluster, labels={"fake_faults": "refuse:renew:not now"}))
    world.rotate_ca(cluster)
    world.settle()
    world.database.write(lambda tx: clusters.update(tx, cluster, labels={}))
    world.resize(cluster, 1)
    world.settle()
    world.rotate_ca(cluster)
    world.settle()
    assert world.cluster(cluster).status == Status.UPDATE_COMPLETE
    assert stored(world) == named(world, cluster)


def test_killed_anywhere_nothing_is_lost_and_nothing_is_left(world):
    for number in itertools.count(1, 3):  # every third point: neighbours differ by what one of them has just done
        cluster = world.create(nodes=0)
        world.settle()
        world.rotate_ca(cluster)
        count = itertools.count(1)

        def die(point, count=count, number=number):
            if next(count) >= number:
                raise Crash(point)

        try:
            world.settle(die)
        except Crash:
            world.clock.turn(3600)
            world.settle()
        assert world.cluster(cluster).status == Status.UPDATE_COMPLETE
        assert stored(world) == named(world, cluster)
        over = next(count) <= number
        world.delete(cluster)
        world.settle()
        if over:
            assert number > 20
            return


def test_a_new_credential_is_given_to_every_node(world, cluster):
    world.rotate_credential(cluster)
    world.settle()
    (operation,) = [o for o in world.operations(cluster) if o.kind == "rotate-credential"]
    assert set(world.cloud.marks(cluster, "credential").values()) == {operation.uuid}
    assert len(world.cloud.marks(cluster, "credential")) == 3
    assert world.cluster(cluster).status == Status.UPDATE_COMPLETE


def test_with_a_new_credential_our_own_certificate_is_new_and_the_authorities_stay(world, cluster):
    before = world.cluster(cluster)
    for _ in range(2):
        world.rotate_credential(cluster)
        world.settle()
    row = world.cluster(cluster)
    assert row.magnum_cert_ref != before.magnum_cert_ref
    assert (row.ca_cert_ref, row.etcd_ca_cert_ref) == (before.ca_cert_ref, before.etcd_ca_cert_ref)
    assert stored(world) == named(world, cluster)
    load(world, row.magnum_cert_ref).verify_directly_issued_by(load(world, row.ca_cert_ref))
