"""Certificates of a cluster: its CA is shown, and requests are signed, by a conductor that the test plays."""

import random
import threading
from contextlib import contextmanager

import pytest
from certificate_requests import make_csr
from cryptography import x509

from magnum.certificates.authority import issue, new_authority, open_authority
from magnum.certificates.rules import SigningRules
from magnum.conf.certificates import Certificates
from magnum.db import clusters, signing, x509keypairs
from magnum.model.names import new_uuid
from magnum.model.x509keypairs import X509KeyPair

pytestmark = pytest.mark.live
RULES = SigningRules()
NOW = 1_800_000_000_000_000


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


class Signer:
    """A conductor that signs whatever waits: in process whenever the API pauses, for a live one again and again."""

    def __init__(self, world, authority) -> None:
        self.world, self.authority, self.answers, self.pauses = world, authority, True, []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.world.clock.turn(seconds)
        if self.answers:
            self.world.write(self.sign_all)

    @contextmanager
    def going_on(self):
        over = threading.Event()

        def sign() -> None:
            while not over.wait(0.02):
                self.world.write(self.sign_all)

        thread = threading.Thread(target=sign)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def sign_all(self, tx) -> None:
        for request in signing.waiting(tx, 10):
            pem = issue(request.csr, self.authority, RULES, request.limits, NOW)
            signing.answer(tx, request.uuid, pem=pem)


@pytest.fixture(scope="module")
def bundle():
    return new_authority("web", RULES, NOW)


@pytest.fixture
def cluster(world, ann, bundle) -> str:
    """A cluster whose CA has been made."""
    ann.make_template()
    uuid = ann.make_cluster("swarm", name="web")
    ref = new_uuid(random.Random())
    row = X509KeyPair(uuid=ref, certificate=bundle.certificate + "\n", private_key="sealed")
    world.write(lambda tx: x509keypairs.insert(tx, row))
    world.set_status(uuid, "CREATE_COMPLETE", ca_cert_ref=ref)
    return uuid


@pytest.fixture
def signer(world, bundle):
    made = Signer(world, open_authority(bundle))
    if hasattr(world, "change"):
        world.change(pause=made.pause)
        yield made
    else:
        with made.going_on():
            yield made


# ---- the CA


@pytest.mark.parametrize("version", ["1.1", "latest"])
def test_the_ca_is_shown_by_name_or_uuid(ann, cluster, bundle, version):
    for ident in ("web", cluster, cluster.upper()):
        answer = ann.get(f"/certificates/{ident}", version=version, headers={"Host": "api"})
        assert answer.status_code == 200
        assert answer.json == {
            "cluster_uuid": cluster,
            "bay_uuid": cluster,
            "pem": bundle.certificate.strip(),
            "links": [
                {"href": f"http://api/v1/certificates/{cluster}", "rel": "self"},
                {"href": f"http://api/certificates/{cluster}", "rel": "bookmark"},
            ],
        }


@pytest.mark.parametrize(
    ("column", "words"),
    [("etcd_ca_cert_ref", ["etcd"]), ("front_proxy_ca_cert_ref", ["front-proxy", "front_proxy"])],
)
def test_other_cas_are_shown_and_sign_where_there_are_any(world, ann, cluster, bundle, signer, column, words):  # noqa: PLR0917
    row = X509KeyPair(uuid=new_uuid(random.Random()), certificate="another one", private_key="sealed")
    world.write(lambda tx: x509keypairs.insert(tx, row))
    world.write(lambda tx: clusters.update(tx, cluster, **{column: row.uuid}))
    for word in words:
        assert ann.get(f"/certificates/web/{word}").json["pem"] == "another one"
        assert ann.get("/certificates/web", params={"ca_cert_type": word}).json["pem"] == "another one"
        made = ann.post("/certificates", {"cluster_uuid": cluster, "csr": make_csr(), "ca_cert_type": word})
        assert (made.status_code, made.json["ca_cert_type"]) == (201, word)
    assert ann.get("/certificates/web").json["pem"] == bundle.certificate.strip()


@pytest.mark.parametrize("path", ["/certificates/web/etcd", "/certificates/web?ca_cert_type=front_proxy"])
def test_a_ca_that_the_cluster_does_not_have(ann, cluster, path):
    path, _, query = path.partition("?")
    answer = ann.get(path, query_string=query)
    assert answer.status_code == 409
    assert " CA; its status" in title(answer)


def test_another_word_means_the_main_ca(ann, cluster, bundle):
    answer = ann.get("/certificates/web", params={"ca_cert_type": "whatever"})
    assert answer.json["pem"] == bundle.certificate.strip()


def test_the_ca_of_a_cluster_that_is_being_made(ann):
    ann.make_template()
    ann.make_cluster("swarm", name="new")
    answer = ann.get("/certificates/new")
    assert answer.status_code == 409
    assert "CREATE_IN_PROGRESS" in title(answer)


@pytest.mark.in_process
def test_the_ca_out_of_files(world, ann, cluster, tmp_path):
    world.configure(certificates=Certificates(cert_manager_type="local", storage_path=tmp_path))
    ref = world.read(lambda tx: clusters.read(tx, cluster)).ca_cert_ref
    assert ann.get("/certificates/web").status_code == 503
    (tmp_path / f"{ref}.crt").write_text("a certificate\n")
    assert ann.get("/certificates/web").json["pem"] == "a certificate"


def test_an_unknown_cluster(ann):
    assert ann.get("/certificates/none").status_code == 404
    answer = ann.post("/certificates", {"cluster_uuid": "none", "csr": make_csr()})
    assert answer.status_code == 400
    assert title(answer) == "Cluster none could not be found"


# ---- signing


def test_a_request_is_signed(world, ann, cluster, signer, bundle):
    csr = make_csr("admin", "system:masters")
    answer = ann.post("/certificates", {"cluster_uuid": "web", "csr": csr})
    assert answer.status_code == 201
    assert answer.json.keys() == {"cluster_uuid", "bay_uuid", "pem", "csr", "links"}
    assert answer.json["csr"] == csr
    assert answer.json["pem"] == answer.json["pem"].strip()
    signed = x509.load_pem_x509_certificate(answer.json["pem"].encode())
    signed.verify_directly_issued_by(x509.load_pem_x509_certificate(bundle.certificate.encode()))
    assert world.read(lambda tx: signing.waiting(tx, 10)) == []


def test_a_cluster_was_called_a_bay_once(ann, cluster, signer):
    assert ann.post("/certificates", {"bay_uuid": cluster, "csr": make_csr()}).json["cluster_uuid"] == cluster


def test_the_kind_of_ca_is_given_back(ann, cluster, signer):
    answer = ann.post("/certificates", {"cluster_uuid": cluster, "csr": make_csr(), "ca_cert_type": "kubernetes"})
    assert answer.json["ca_cert_type"] == "kubernetes"
    answer = ann.post("/certificates", {"cluster_uuid": cluster, "csr": make_csr(), "ca_cert_type": "etcd"})
    assert answer.status_code == 409


@pytest.mark.in_process
def test_the_answer_is_looked_for_at_growing_intervals(ann, cluster, signer):
    signer.answers = False
    answer = ann.post("/certificates", {"cluster_uuid": cluster, "csr": make_csr()})
    assert answer.status_code == 503
    assert answer.json["errors"][0]["code"] == "server"
    assert title(answer) == "No conductor has signed the certificate in time"
    assert signer.pauses[:3] == [0.005, 0.01, 0.02]
    assert max(signer.pauses) == 0.1
    assert 5 <= sum(signer.pauses) < 5.2


@pytest.mark.in_process
def test_nothing_is_left_of_a_request_that_nobody_waits_for(world, ann, cluster, signer):
    signer.answers = False
    ann.post("/certificates", {"cluster_uuid": cluster, "csr": make_csr()})
    assert world.read(lambda tx: signing.waiting(tx, 10)) == []


@pytest.mark.in_process
def test_a_refusal_of_the_conductor_is_told(world, ann, cluster, signer):
    def refuse(seconds: float) -> None:
        def run(tx) -> None:
            for request in signing.waiting(tx, 10):
                signing.answer(tx, request.uuid, error="the CA has expired")

        world.write(run)

    world.change(pause=refuse)
    answer = ann.post("/certificates", {"cluster_uuid": cluster, "csr": make_csr()})
    assert answer.status_code == 400
    assert title(answer) == "The CSR was refused: the CA has expired"


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"csr": None}, "The mandatory attribute csr is missing"),
        ({"csr": ""}, "csr must be a text in PEM format"),
        ({"csr": 5}, "csr must be a text in PEM format"),
        ({"csr": "nonsense"}, "The CSR is not PEM text"),
        ({"csr": "a\x00b"}, "csr must not contain the control character U+0000"),
        ({"csr": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"}, "The CSR is not"),
        ({"csr": make_csr(key_size=1024)}, "The CSR's RSA key has 1024 bits"),
        ({"csr": make_csr(ca=True)}, "The CSR's critical extension basicConstraints"),
        ({"cluster_uuid": None}, "The mandatory attribute cluster_uuid is missing"),
        ({"links": []}, "The attribute links of a certificate is read-only"),
        ({"colour": "red"}, "Unknown attribute for a certificate"),
    ],
)
def test_a_request_that_cannot_be_signed_never_gets_to_a_conductor(ann, cluster, signer, body, says):
    answer = ann.post("/certificates", {"cluster_uuid": "web", "csr": make_csr()} | body)
    assert answer.status_code == 400
    assert title(answer).startswith(says)
    assert signer.pauses == []


def test_what_clients_send_back_is_ignored(ann, cluster, signer):
    assert ann.post("/certificates", {"cluster_uuid": "web", "csr": make_csr(), "pem": "x"}).status_code == 201


# ---- who may


@pytest.mark.parametrize(
    ("user", "project", "roles", "statuses"),
    [
        ("ann", "fishers", "member", (200, 201)),
        ("ann", "fishers", "reader", (200, 403)),
        ("bob", "fishers", "member", (403, 403)),
        ("eve", "others", "member", (404, 400)),
        ("root", "operators", "admin", (200, 201)),
    ],
)
def test_the_rules_compare_users(world, cluster, signer, user, project, roles, statuses):  # noqa: PLR0917
    """A colleague is refused, other projects find nothing, administrators may."""
    who = world.person(user, project, roles)
    shown = who.get(f"/certificates/{cluster}")
    signed = who.post("/certificates", {"cluster_uuid": cluster, "csr": make_csr()})
    assert (shown.status_code, signed.status_code) == statuses
