"""Nodes whose token has ended prove themselves by their certificate: to the certificate calls, as themselves alone."""

import base64

import pytest
from certificate_requests import make_csr
from cryptography.hazmat.primitives.asymmetric import ec
from node_machines import Machine, Prover

from magnum.api.nodes import make_node_application
from magnum.certificates.authority import new_authority, open_authority
from magnum.certificates.rules import SigningRules
from magnum.core.credentials import NOT_PROVEN
from magnum.db import authorities, clusters, nodes, signing, x509keypairs
from magnum.model.names import new_uuid
from magnum.model.signing import CaType, NodeLimits
from magnum.model.x509keypairs import X509KeyPair

PATH = "/v1/certificates/{}"
SIGN = "/v1/certificates"
TITLE = NOT_PROVEN.split(".", maxsplit=1)[0]


class Stage:
    """A cluster with a real authority, and its node web-1, whose token has ended."""

    def __init__(self, world, ann) -> None:
        world.change(pause=self.sign)
        self.world = world
        ann.make_template()
        self.cluster = ann.make_cluster("swarm", name="web")
        self.authority, ref = self.new_authority()
        world.write(lambda tx: clusters.update(tx, self.cluster, ca_cert_ref=ref))
        self.machine = Machine(world, self.cluster)
        limits = NodeLimits(common_name="web-1", extended_key_usages=("serverAuth",))
        world.write(lambda tx: nodes.keep_limits(tx, self.machine.uuid, limits))
        assert self.machine.report("status=SUCCESS").status_code == 204
        self.app = make_node_application(world.service, self.cluster)

    def new_authority(self):
        bundle = new_authority("web", SigningRules(), self.world.clock.now())
        ref = new_uuid(self.world.service.randomness)
        row = X509KeyPair(uuid=ref, certificate=bundle.certificate, private_key="sealed")
        self.world.write(lambda tx: x509keypairs.insert(tx, row))
        return open_authority(bundle), ref

    def sign(self, _seconds) -> None:
        waiting = self.world.write(lambda tx: signing.waiting(tx, 9))
        self.world.write(lambda tx: [signing.answer(tx, asked.uuid, pem="signed") for asked in waiting])

    def prover(self, name="web-1", *organizations, **more) -> Prover:
        return Prover(self.authority, self.world.clock.now(), name, *organizations, **more)

    def ask(self, prover, method="GET", path=None, document=None, *, apart=0, **more):
        seconds = self.world.clock.now() // 1_000_000 + apart
        return prover.ask(self.app, method, path or PATH.format(self.cluster), document, seconds, **more)


@pytest.fixture
def stage(world, ann) -> Stage:
    return Stage(world, ann)


def assert_refused(answer) -> None:
    assert (answer.status_code, answer.json["errors"][0]["title"]) == (401, TITLE)


def test_a_node_reads_the_ca_and_has_its_own_request_signed(stage):
    prover = stage.prover()
    answer = stage.ask(prover)
    assert (answer.status_code, answer.json["pem"].count("BEGIN CERTIFICATE")) == (200, 1)
    assert stage.ask(prover, query="ca_cert_type=kubernetes").status_code == 200
    csr = make_csr("web-1", server=True)
    answer = stage.ask(prover, "POST", SIGN, {"cluster_uuid": stage.cluster, "csr": csr})
    assert (answer.status_code, answer.json["pem"]) == (201, "signed")


@pytest.mark.parametrize(
    "csr", [make_csr("web-2", server=True), make_csr("web-1", "system:masters", server=True), make_csr("web-1")]
)
def test_what_it_may_have_signed_is_what_its_token_could(stage, csr):
    answer = stage.ask(stage.prover(), "POST", SIGN, {"cluster_uuid": stage.cluster, "csr": csr})
    assert answer.status_code == 400


def test_a_node_of_kubernetes_is_called_like_its_user(stage):
    limits = NodeLimits(common_name="system:node:web-1", organizations=("system:nodes",))
    stage.world.write(lambda tx: nodes.keep_limits(tx, stage.machine.uuid, limits))
    assert stage.ask(stage.prover("system:node:web-1", "system:nodes")).status_code == 200
    assert_refused(stage.ask(stage.prover("web-1")))
    assert_refused(stage.ask(stage.prover("system:node:web-1")))
    assert_refused(stage.ask(stage.prover("system:node:web-1", "system:nodes", "system:masters")))


@pytest.mark.parametrize("name", ["web-2", "admin", "web-1\0", "wéb-1", "x" * 60])
def test_another_subject_is_no_node(stage, name):
    assert_refused(stage.ask(stage.prover(name)))


def test_a_node_that_was_removed_proves_nothing(stage):
    prover = stage.prover()
    stage.world.write(lambda tx: nodes.delete(tx, stage.machine.uuid))
    assert_refused(stage.ask(prover))


def test_a_node_that_never_had_a_token_proves_nothing(stage):
    stage.world.write(lambda tx: nodes.delete(tx, stage.machine.uuid))
    Machine(stage.world, stage.cluster)
    assert_refused(stage.ask(stage.prover()))


@pytest.mark.parametrize(("apart", "status"), [(-300, 200), (300, 200), (-301, 401), (301, 401)])
def test_the_time_may_differ_by_five_minutes(stage, apart, status):
    assert stage.ask(stage.prover(), apart=apart).status_code == status


@pytest.mark.parametrize("time", ["", "soon", "-1", "1e9", "9" * 40, "١٢"])
def test_a_time_that_is_none(stage, time):
    assert_refused(stage.ask(stage.prover(), headers={"X-Magnum-Node-Time": time}))


def test_a_certificate_ends(stage):
    prover = stage.prover()
    stage.world.clock.turn(5 * 366 * 86400)
    assert_refused(stage.ask(prover))


def test_another_authority_vouches_for_nothing_unless_it_is_trusted(stage):
    named, (other, ref) = stage.authority, stage.new_authority()
    prover = Prover(other, stage.world.clock.now())
    assert_refused(stage.ask(prover))
    stage.world.write(lambda tx: authorities.trust(tx, stage.cluster, {CaType.ETCD: ref}))
    assert_refused(stage.ask(prover))
    stage.world.write(lambda tx: authorities.trust(tx, stage.cluster, {CaType.KUBERNETES: ref}))
    answer = stage.ask(prover)
    assert (answer.status_code, answer.json["pem"].count("BEGIN CERTIFICATE")) == (200, 2)
    assert stage.ask(Prover(named, stage.world.clock.now())).status_code == 200
    stage.world.write(lambda tx: authorities.forget(tx, stage.cluster))
    assert_refused(stage.ask(prover))


def test_what_was_signed_is_what_is_asked(stage):
    prover, csr = stage.prover(), make_csr("web-1", server=True)
    document = {"cluster_uuid": stage.cluster, "csr": csr}
    assert_refused(stage.ask(prover, "POST", SIGN, document, body=b'{"cluster_uuid": "x"}'))
    seconds = stage.world.clock.now() // 1_000_000
    path = PATH.format(stage.cluster)
    for signed in (("POST", path, b""), ("GET", path + "?ca_cert_type=etcd", b""), ("GET", path, b"x")):
        headers = prover.headers(*signed, seconds)
        assert_refused(stage.ask(prover, headers=headers))
    others = base64.b64encode(stage.prover().certificate).decode()
    assert_refused(stage.ask(prover, headers={"X-Magnum-Node-Certificate": others}))


@pytest.mark.parametrize("header", ["X-Magnum-Node-Certificate", "X-Magnum-Node-Signature"])
@pytest.mark.parametrize("value", ["!", "AAAA", "A" * 9000, "é"])
def test_what_cannot_be_read(stage, header, value):
    assert_refused(stage.ask(stage.prover(), headers={header: value}))


def test_a_key_on_another_curve_is_none(stage):
    assert_refused(stage.ask(stage.prover(curve=ec.SECP384R1())))


def test_reports_need_the_token(stage):
    path = f"/v1/clusters/{stage.cluster}/nodes/web-1/report"
    answer = stage.ask(stage.prover(), "POST", path, {})
    assert (answer.status_code, "token" in answer.json["errors"][0]["title"]) == (401, True)


def test_another_cluster_is_not_there(stage, ann):
    other = ann.make_cluster("swarm", name="other")
    assert stage.ask(stage.prover(), path=PATH.format(other)).status_code == 404
    _, ref = stage.new_authority()
    stage.world.write(lambda tx: clusters.update(tx, other, ca_cert_ref=ref))
    stage.app = make_node_application(stage.world.service, other)
    assert_refused(stage.ask(stage.prover(), path=PATH.format(other)))


def test_too_many_from_one_node(stage):
    prover = stage.prover()
    statuses = [stage.ask(prover).status_code for _ in range(60)]
    assert statuses.count(429) == 10


def test_a_token_that_is_sent_too_does_not_help(stage):
    assert_refused(stage.ask(stage.prover("web-2"), headers={"X-Magnum-Node-Token": stage.machine.token}))
