"""POST …/config: what a client needs, for a key that never leaves its owner. A conductor is played by the test."""

import pytest
import yaml
from certificate_requests import make_csr
from cryptography import x509

from magnum.certificates.authority import issue, new_authority, open_authority
from magnum.certificates.rules import SigningRules
from magnum.db import signing, x509keypairs
from magnum.model.names import new_uuid
from magnum.model.x509keypairs import X509KeyPair

RULES = SigningRules()


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


@pytest.fixture(scope="module")
def bundle():
    return new_authority("web", RULES, 1_800_000_000_000_000)


@pytest.fixture
def make(world, ann, bundle):
    """Make a cluster that is complete, and a conductor that signs for it."""

    def pause(seconds: float) -> None:
        world.clock.turn(seconds)
        world.write(sign_all)

    def sign_all(tx) -> None:
        for request in signing.waiting(tx, 10):
            pem = issue(request.csr, open_authority(bundle), RULES, request.limits, world.clock.now())
            signing.answer(tx, request.uuid, pem=pem)

    def made(coe: str, **more) -> str:
        ann.make_template(name=coe, coe=coe, **more)
        uuid = ann.make_cluster(coe, name="web")
        ref = new_uuid(world.service.randomness)
        row = X509KeyPair(uuid=ref, certificate=bundle.certificate, private_key="sealed")
        world.write(lambda tx: x509keypairs.insert(tx, row))
        world.set_status(uuid, "CREATE_COMPLETE", ca_cert_ref=ref, api_address="https://192.0.2.7:6443")
        return uuid

    world.change(pause=pause)
    return made


def check_certificate(said, bundle, name: str) -> None:
    assert said["ca"] == bundle.certificate.strip() + "\n"
    certificate = x509.load_pem_x509_certificate(said["certificate"].encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(said["ca"].encode()))
    assert certificate.subject.rfc4514_string() == f"CN={name}"
    assert (said["files"]["ca.pem"], said["files"]["cert.pem"]) == (said["ca"], said["certificate"])
    assert "PRIVATE" not in str(said)


@pytest.mark.parametrize("version", ["1.1", "latest"])
def test_kubernetes(ann, make, bundle, version):
    uuid = make("kubernetes")
    answer = ann.post("/clusters/web/config", {"csr": make_csr("ann")}, version=version)
    assert answer.status_code == 200
    said = answer.json
    check_certificate(said, bundle, "ann")
    assert (said["kind"], said["cluster_uuid"], said["key_file"]) == ("kubeconfig", uuid, "key.pem")
    assert said["environment"] == {"KUBECONFIG": "config"}
    assert yaml.safe_load(said["files"]["config"]) == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "web", "cluster": {"server": "https://192.0.2.7:6443", "certificate-authority": "ca.pem"}}
        ],
        "users": [{"name": "admin@web", "user": {"client-certificate": "cert.pem", "client-key": "key.pem"}}],
        "contexts": [{"name": "web", "context": {"cluster": "web", "user": "admin@web"}}],
        "current-context": "web",
    }


@pytest.mark.parametrize("coe", ["swarm", "swarm-mode"])
def test_swarm(ann, make, bundle, coe):
    uuid = make(coe)
    said = ann.post(f"/clusters/{uuid}/config", {"csr": make_csr("ann")}).json
    check_certificate(said, bundle, "ann")
    assert said["kind"] == "docker"
    assert said["environment"] == {
        "DOCKER_HOST": "https://192.0.2.7:6443",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": ".",
    }


@pytest.mark.parametrize(
    ("coe", "environment"),
    [("kubernetes", {"KUBECONFIG": "config"}), ("swarm-mode", {"DOCKER_HOST": "https://192.0.2.7:6443"})],
)
def test_without_tls_there_is_nothing_to_prove(ann, make, coe, environment):
    make(coe, tls_disabled=True)
    said = ann.post("/clusters/web/config", {}).json
    assert (said["ca"], said["certificate"], said["key_file"]) == (None, None, None)
    assert said["environment"] == environment
    assert "pem" not in str(said["files"])


def test_what_has_no_address_yet(world, ann, make):
    uuid = make("kubernetes")
    world.set_status(uuid, "CREATE_IN_PROGRESS", api_address=None)
    answer = ann.post("/clusters/web/config", {"csr": make_csr()})
    assert answer.status_code == 409
    assert "no address yet; its status is CREATE_IN_PROGRESS" in title(answer)


def test_a_kind_of_cluster_that_has_no_client_configuration(ann, make):
    make("mesos")
    answer = ann.post("/clusters/web/config", {"csr": make_csr()})
    assert answer.status_code == 409
    assert "mesos" in title(answer)


def test_who_may_have_a_certificate_may_have_this(world, ann, bob, reader, eve, root, make):  # noqa: PLR0917
    uuid = make("kubernetes")
    asked = {"csr": make_csr()}
    assert root.post(f"/clusters/{uuid}/config", asked).status_code == 200
    for other in (bob, reader):  # certificates are for a cluster's owner
        assert other.post("/clusters/web/config", asked).status_code == 403
        assert other.post("/certificates", asked | {"cluster_uuid": uuid}).status_code == 403
    assert eve.post(f"/clusters/{uuid}/config", asked).status_code == 404


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "csr is missing"),
        ({"csr": None}, "csr is missing"),
        ({"csr": ""}, "csr"),
        ({"csr": 3}, "csr"),
        ({"csr": "nonsense"}, "CSR"),
        ({"csr": "x" * 70_000}, "csr"),
        ({"csr": "a\x00b"}, "csr"),
        ({"csr": "x", "key": "y"}, "key"),
        ([], "JSON object"),
    ],
)
def test_bad_input(world, ann, make, body, word):
    make("kubernetes")
    answer = ann.post("/clusters/web/config", body)
    assert answer.status_code == 400
    assert word in title(answer)
    assert world.read(lambda tx: signing.waiting(tx, 10)) == []


def test_a_get_is_refused(ann, make):
    make("kubernetes")
    assert ann.get("/clusters/web/config").status_code == 405
