"""Requests to sign: granted, refused with a reason, or left to another conductor."""

import uuid

import pytest
from cryptography import x509
from simulation import SECOND, make_csr

from magnum.conductor.signing import Signer
from magnum.db import clusters, signing
from magnum.db.errors import NotFound
from magnum.model.signing import CaType, NodeLimits, SignRequest, SignState


@pytest.fixture
def cluster(world):
    cluster = world.create(nodes=0)
    world.settle()
    return cluster


@pytest.fixture
def signer(world):
    return Signer(world.services())


@pytest.fixture
def ask(world, cluster, key):
    def ask(*, csr=None, cluster=cluster, **more):
        request = SignRequest(
            uuid=str(uuid.uuid4()),
            cluster_uuid=cluster,
            csr=csr or make_csr(key),
            expires_at=world.clock.now() + 35 * SECOND,
            **more,
        )
        world.database.write(lambda tx: signing.insert(tx, request))
        return request.uuid

    return ask


def answer(world, request):
    return world.database.read(lambda tx: signing.get(tx, request))


def test_a_request_is_signed_by_its_clusters_authority(world, cluster, signer, ask):
    request = ask()
    assert signer.sign_waiting() == 1
    signed = answer(world, request)
    assert signed.state is SignState.SIGNED
    ca = x509.load_pem_x509_certificate(world.store.get(world.cluster(cluster).ca_cert_ref).certificate.encode())
    x509.load_pem_x509_certificate(signed.pem.encode()).verify_directly_issued_by(ca)
    assert signer.sign_waiting() == 0


def test_a_node_gets_nothing_beyond_its_limits(world, signer, ask):
    request = ask(limits=NodeLimits(common_name="node-1"))
    signer.sign_waiting()
    refused = answer(world, request)
    assert (refused.state, refused.pem) == (SignState.REFUSED, None)
    assert "this node's must be 'CN=node-1'" in refused.error


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"csr": "nonsense"}, "The CSR is not PEM text"),
        ({"cluster": "a9c3e1d2-0b1f-4c53-9a53-5d5f3ad5c0de"}, "could not be found"),
    ],
)
def test_what_cannot_be_signed_is_refused_with_the_reason(world, signer, ask, more, reason):
    request = ask(**more)
    signer.sign_waiting()
    assert reason in answer(world, request).error


@pytest.mark.parametrize(
    ("ca_type", "column"), [(CaType.ETCD, "etcd_ca_cert_ref"), (CaType.FRONT_PROXY, "front_proxy_ca_cert_ref")]
)
def test_other_authorities_sign_where_there_are_any(world, cluster, signer, ask, ca_type, column):  # noqa: PLR0917
    request = ask(ca_type=ca_type)
    signer.sign_waiting()
    assert answer(world, request).state is SignState.SIGNED
    world.database.write(lambda tx: clusters.update(tx, cluster, **{column: None}))
    request = ask(ca_type=ca_type)
    signer.sign_waiting()
    assert answer(world, request).error == f"This cluster has no certificate authority for {ca_type}."


def test_one_bad_request_does_not_hold_up_the_others(world, signer, ask):
    requests = [ask(csr="nonsense"), ask(), ask(csr="nonsense"), ask()]
    assert signer.sign_waiting() == 4
    states = [answer(world, request).state for request in requests]
    assert states == [SignState.REFUSED, SignState.SIGNED] * 2


def test_a_ca_that_cannot_be_opened_leaves_the_request_to_others(world, signer, ask, caplog, monkeypatch):
    from magnum.certificates.encryption import MissingKeyError

    def missing(_ref):
        raise MissingKeyError("the key 0123 is missing")

    request = ask()
    monkeypatch.setattr(world.store, "get", missing)
    assert signer.sign_waiting() == 1
    assert answer(world, request).state is SignState.WAITING
    assert "the key 0123 is missing" in caplog.text
    monkeypatch.undo()
    assert signer.sign_waiting() == 0  # it is leased, to whoever might still be at it
    world.clock.turn(4)
    assert signer.sign_waiting() == 1
    assert answer(world, request).state is SignState.SIGNED


def test_what_nobody_waits_for_any_more_is_forgotten(world, signer, ask):
    request = ask()
    world.clock.turn(36)
    signer.forget_expired()
    with pytest.raises(NotFound):
        answer(world, request)
