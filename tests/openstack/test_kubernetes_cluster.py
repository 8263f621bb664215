"""One real cluster of Kubernetes on the lab's servers, through every service: made, used, changed and taken down.

Its tests stand in the order of its life. Each says what it expects of the one before, and the last leaves nothing.
"""

import secrets
from pathlib import Path

import pytest
import yaml
from cloud import Cloud, Person, until
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from programs import Kubectl

from lab.settings import open_lab

pytestmark = [pytest.mark.root, pytest.mark.xdist_group("cluster on servers")]
SECONDS = 900
"""Machines and services are slow when all of them are at work."""
TEMPLATE = {
    "coe": "kubernetes",
    "image_id": "debian-12",
    "keypair_id": "key",
    "external_network_id": "public",
    "master_flavor_id": "m1.medium",
    "flavor_id": "m1.small",
    "network_driver": "flannel",
}


class Life:
    """The cluster, as its owner sees it."""

    def __init__(self, cloud: Cloud, member: Person, folder: Path) -> None:
        lab = open_lab(cloud.folder, Path(), Path(), None)
        registry = f"{cloud.address}:{lab.port('registry')}"
        self.cloud, self.member, self.folder = cloud, member, folder
        self.name = f"life-{secrets.token_hex(3)}"
        labels = {"container_infra_prefix": f"{registry}/magnum/", "kube_tag": "v1.20.2", "etcd_volume_size": "1"}
        wanted = TEMPLATE | {"name": self.name, "labels": labels, "insecure_registry": registry}
        self.template = member.make("/clustertemplates", wanted)
        counts = {"master_count": 1, "node_count": 1}
        self.uuid = member.make("/clusters", {"name": self.name, "cluster_template_id": self.template, **counts})

    @property
    def path(self) -> str:
        return f"/clusters/{self.uuid}"

    def show(self, path: str = "") -> dict:
        return self.member.ask("GET", self.path + path).json()

    def ask(self, method: str, path: str, body: object, status: int = 202) -> dict:
        answer = self.member.ask(method, path, body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else {}

    def settled(self, expected: str) -> dict:
        """Wait for the end of what is being done, and see that it went well."""
        cluster = until(
            f"{self.name} is settled",
            lambda: None if (found := self.show())["status"].endswith("_IN_PROGRESS") else found,
            seconds=SECONDS,
        )
        assert cluster["status"] == expected, cluster["status_reason"]
        return cluster

    def kubectl(self) -> Kubectl:
        """Be an administrator, as `coe cluster config` makes one: with a key that nobody else has."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, "admin")]
        subject += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters")]
        csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject)).sign(key, hashes.SHA256())
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        asked = {"cluster_uuid": self.uuid, "csr": csr.public_bytes(encoding).decode()}
        files = {
            "ca.pem": self.ask("GET", f"/certificates/{self.uuid}", None, 200)["pem"],
            "cert.pem": self.ask("POST", "/certificates", asked, 201)["pem"],
            "key.pem": key.private_bytes(encoding, form, serialization.NoEncryption()).decode(),
        }
        for name, text in files.items():
            (self.folder / name).write_text(text)
        user = {"client-certificate": str(self.folder / "cert.pem"), "client-key": str(self.folder / "key.pem")}
        cluster = {"server": self.show()["api_address"], "certificate-authority": str(self.folder / "ca.pem")}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (self.folder / "config").write_text(yaml.safe_dump(config))
        return Kubectl(self.folder / "config")

    def of_ours(self, service: str, path: str, kind: str) -> list[dict]:
        """Give what a service has that is called after the cluster."""
        found = self.member.ask("GET", path, service=service).json()[kind]
        return [one for one in found if self.name in (one.get("name") or one.get("stack_name") or "")]

    def everything(self) -> dict[str, list]:
        return {
            "stacks": self.of_ours("orchestration", "/stacks", "stacks"),
            "servers": self.of_ours("compute", "/servers", "servers"),
            "volumes": [one for one in self.member.connection.block_storage.volumes() if self.name in (one.name or "")],
            "networks": self.of_ours("network", "/v2.0/networks", "networks"),
            "ports": self.of_ours("network", "/v2.0/ports", "ports"),
        }


@pytest.fixture(scope="module")
def life(cloud, person, tmp_path_factory):
    life = Life(cloud, person("member"), tmp_path_factory.mktemp("life"))
    yield life
    life.member.ask("DELETE", life.path)
    until("the cluster is gone", lambda: life.member.ask("GET", life.path).status_code == 404, seconds=SECONDS)
    life.ask("DELETE", f"/clustertemplates/{life.template}", None, 204)


@pytest.fixture(autouse=True)
def only_after_those_before(request):
    """What follows a failure tells nothing, and would take its time."""
    if getattr(request.module, "failed", False):
        pytest.fail("a test of this cluster's earlier life has failed")
    before = request.session.testsfailed
    yield
    request.module.failed = request.session.testsfailed > before


def test_it_comes_out_of_a_stack_with_nodes_that_are_ready(life):
    cluster = life.settled("CREATE_COMPLETE")
    nodes = life.kubectl().nodes()
    assert len(nodes) == 2
    assert all(nodes.values())
    (stack,) = life.of_ours("orchestration", "/stacks", "stacks")
    groups = life.show("/nodegroups")["nodegroups"]
    assert {life.show(f"/nodegroups/{group['uuid']}")["stack_id"] for group in groups} == {stack["id"]}
    assert cluster["api_address"].startswith(f"https://{cluster['master_addresses'][0]}:")
    assert len(cluster["node_addresses"]) == 1


def test_more_nodes_come_and_the_one_that_is_named_goes(life):
    """The autoscaler names it by the id of its server."""
    (first,) = [one for one in life.of_ours("compute", "/servers", "servers") if "-worker-" in one["name"]]
    life.ask("POST", f"{life.path}/actions/resize", {"node_count": 2})
    life.settled("UPDATE_COMPLETE")
    assert len(life.kubectl().nodes()) == 3
    life.ask("POST", f"{life.path}/actions/resize", {"node_count": 1, "nodes_to_remove": [first["id"]]})
    life.settled("UPDATE_COMPLETE")
    nodes = life.kubectl().nodes()
    assert len(nodes) == 2
    assert all(nodes.values())
    assert first["name"] not in nodes
    assert first["name"] not in [one["name"] for one in life.of_ours("compute", "/servers", "servers")]


def test_when_it_is_deleted_the_cloud_holds_nothing_of_it(life):
    assert all(life.everything().values())
    life.ask("DELETE", life.path, None, 204)
    until("the cluster is gone", lambda: life.member.ask("GET", life.path).status_code == 404, seconds=SECONDS)
    assert not any(life.everything().values()), life.everything()
