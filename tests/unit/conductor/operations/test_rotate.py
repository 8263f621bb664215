"""New authorities take the place of old ones, and no secret is left that no row names."""

import itertools

import pytest
from cryptography import x509
from simulation import Crash

from magnum.conductor.operations.certificates import references
from magnum.db import clusters
from magnum.db.tables import x509keypair
from magnum.model.ledger import ResourceState
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
