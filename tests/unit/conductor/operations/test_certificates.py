"""Certificates are made once, whatever happens on the way, and no secret lies where no row names it."""

import itertools

import pytest
from cryptography import x509
from simulation import Crash

from magnum.certificates.stores.base import CertificateStoreError
from magnum.conductor.operations.certificates import references, signing_rules
from magnum.conf.x509 import X509
from magnum.db.tables import x509keypair
from magnum.model.statuses import Status


def stored(world):
    return {row.uuid for row in world.database.read(lambda tx: tx.execute(x509keypair.select()).all())}


def test_a_cluster_gets_an_authority_and_our_own_certificate(world):
    cluster = world.create(name="seafood")
    world.settle()
    row = world.cluster(cluster)
    ca = x509.load_pem_x509_certificate(world.store.get(row.ca_cert_ref).certificate.encode())
    own = x509.load_pem_x509_certificate(world.store.get(row.magnum_cert_ref).certificate.encode())
    own.verify_directly_issued_by(ca)
    assert ca.subject.rfc4514_string() == "CN=seafood"
    assert own.subject.rfc4514_string() == "O=system:masters,CN=admin"


def test_no_secret_is_ever_stored_that_no_row_names(world):
    for number in itertools.count(1):
        cluster = world.create(nodes=0)
        count = itertools.count(1)

        def die(point, count=count, number=number):
            if next(count) >= number:
                raise Crash(point)

        try:
            world.settle(die, until=lambda: world.operations(cluster)[0].step == "nodes")  # noqa: B023
        except Crash:
            row = world.cluster(cluster)
            assert stored(world) <= set(references(row))
            world.delete(cluster)
            world.settle()
            assert stored(world) == set()
        else:
            assert number > 10
            return


def test_whoever_comes_second_takes_what_the_first_has_stored(world):
    """A conductor that was paused while it made the authority meets another one's."""
    cluster = world.create(nodes=0)

    def overtake(point):
        if point == "call: store the certificate seafood" and not stored(world):
            world.clock.turn(60)
            world.settle()

    world.settle(overtake)
    row = world.cluster(cluster)
    assert row.status == Status.CREATE_COMPLETE
    assert stored(world) == set(references(row))
    ca = x509.load_pem_x509_certificate(world.store.get(row.ca_cert_ref).certificate.encode())
    own = x509.load_pem_x509_certificate(world.store.get(row.magnum_cert_ref).certificate.encode())
    own.verify_directly_issued_by(ca)


def test_a_store_that_gives_references_of_its_own_is_written_down(world, monkeypatch):
    """As a service for secrets does."""
    secrets = {}

    class Store:
        def put(self, uuid, bundle, **_):
            secrets[f"https://secrets/{uuid}"] = bundle
            return f"https://secrets/{uuid}"

        def get(self, ref):
            from magnum.certificates.stores.base import ForeignReferenceError

            if not ref.startswith("https://"):
                raise ForeignReferenceError(ref)
            return secrets[ref]

        def delete(self, ref):
            del secrets[ref]

    monkeypatch.setattr(world, "store", Store())
    cluster = world.create()
    world.settle()
    row = world.cluster(cluster)
    assert row.status == Status.CREATE_COMPLETE
    assert set(secrets) == set(references(row))
    world.delete(cluster)
    world.settle()
    assert secrets == {}


def test_a_store_that_fails_is_tried_again(world, monkeypatch):
    def full(*_, **__):
        raise CertificateStoreError("The disk is full.")

    monkeypatch.setattr(world.store, "put", full)
    cluster = world.create()
    world.settle(until=lambda: world.clock.elapsed > 10)
    assert "Could not make the cluster's certificates: The disk is full." in world.cluster(cluster).status_reason
    monkeypatch.undo()
    world.settle()
    assert world.cluster(cluster).status == Status.CREATE_COMPLETE


def test_the_rules_are_read_from_the_configuration():
    rules = signing_rules(X509(allowed_extensions=("keyUsage",), term_of_validity=30))
    assert (rules.allowed_extensions, rules.term_of_validity) == (frozenset({"keyUsage"}), 30)
    with pytest.raises(ValueError, match="allowed_key_usage"):
        signing_rules(X509(allowed_key_usage=("World Domination",)))
