"""A real cluster of Kubernetes as its enemies see it, from outside and from a worker whose every file they have."""

import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
import yaml
from programs import Kubectl, inside
from workloads import NAME

from magnum.nodes.kubernetes.certificates import API_TO_KUBELET

pytestmark = [
    pytest.mark.root,
    # Who attacks does not care whom he talks to.
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]
DOCS = Path(__file__).parents[3] / "docs/kubernetes.md"


def test_who_does_not_say_who_he_is_is_refused(cluster):
    with urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False, timeout=10) as pool:
        for path in ("/api/v1/nodes", "/api", "/version"):
            assert pool.request("GET", cluster["api_address"] + path).status == 401
        assert pool.request("GET", f"https://{cluster['node_addresses'][0]}:10250/pods").status == 401


def test_a_certificate_without_groups_may_do_nothing(openstack, cluster, tmp_path):
    key = ("-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem")
    openssl("req", "-new", *key, "-subj", "/CN=somebody", "-out", "request.pem", cwd=tmp_path)
    (tmp_path / "cert.pem").write_text(openstack("coe", "ca", "sign", NAME, str(tmp_path / "request.pem")))
    (tmp_path / "ca.pem").write_text(openstack("coe", "ca", "show", NAME))
    somebody = kubectl_as(cluster, tmp_path)
    for asked in (("get", "pods"), ("create", "pods"), ("get", "secrets"), ("list", "nodes"), ("*", "*")):
        done = somebody.run("auth", "can-i", *asked, "--all-namespaces")
        assert (done.returncode, done.stdout.strip().splitlines()[-1]) == (1, "no")


def openssl(*arguments: str | Path, cwd: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


def kubectl_as(cluster: dict, folder: Path) -> Kubectl:
    """Use cert.pem, key.pem and ca.pem of a folder."""
    configuration = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": cluster["api_address"], "certificate-authority": "ca.pem"}}],
        "users": [{"name": "u", "user": {"client-certificate": "cert.pem", "client-key": "key.pem"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    (folder / "config").write_text(yaml.safe_dump(configuration))
    return Kubectl(folder / "config")


def test_etcd_refuses_who_has_no_certificate_of_its_own_authority(kubectl, cluster):
    address = cluster["master_addresses"][0]
    own = (kubectl.configuration.parent / "cert.pem", kubectl.configuration.parent / "key.pem")
    for pair in (None, own):
        assert not answers(address, 2379, pair)
        assert not answers(address, 2380, pair)


def answers(address: str, port: int, pair: tuple[Path, Path] | None) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if pair is not None:
        context.load_cert_chain(*pair)
    with urllib3.PoolManager(ssl_context=context, retries=False, timeout=10) as pool:
        try:
            pool.request("GET", f"https://{address}:{port}/health")
        except urllib3.exceptions.HTTPError as error:
            assert "certificate" in str(error).lower()  # noqa: PT017 - either is an end of the try
            return False
        return True


def test_secrets_are_sealed_in_etcd(kubectl, service, cluster, master):
    kubectl("create", "secret", "generic", "hush", "--from-literal=word=not-to-be-read-anywhere")
    folder = next(path for path in service.machine_folders(cluster["uuid"]) if path.name == master)
    inside(master, "sync")
    stored = b"".join(path.read_bytes() for path in (folder / "volumes/etcd").rglob("*") if path.is_file())
    assert b"/registry/secrets/default/hush" in stored
    assert b"not-to-be-read-anywhere" not in stored


def test_with_all_files_of_a_worker_one_is_that_worker_and_nothing_more(service, cluster, master, workers, tmp_path):
    """Take all its files, and try every certificate with the key that belongs to it."""
    mine, other = workers
    folder = next(path for path in service.machine_folders(cluster["uuid"]) if path.name == mine)
    contents = [
        content
        for part in ("upper/etc", "upper/var/lib/magnum-node", "upper/root")
        for content in files_of(folder / part)
    ]
    contents += list(files_of(folder / "volumes/kubelet/pki"))
    found = identities(contents, tmp_path)
    assert len(found) == 2  # the node's and its proxy's
    known_nodes = set()
    for pair in found:
        assert not answers(cluster["master_addresses"][0], 2379, pair)
        for method, path in (
            ("GET", "/api/v1/secrets"),
            ("PATCH", f"/api/v1/nodes/{other}/status"),
            ("PATCH", f"/api/v1/nodes/{master}"),
            ("DELETE", f"/api/v1/nodes/{other}"),
            ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"),
            ("GET", f"/api/v1/nodes/{other}/proxy/pods"),
            ("PUT", "/apis/certificates.k8s.io/v1/certificatesigningrequests/any/approval"),
        ):
            assert call(cluster, pair, method, path) == 403, (method, path)
        if call(cluster, pair, "PATCH", f"/api/v1/nodes/{mine}/status") == 200:
            known_nodes.add(mine)
        with urllib3.PoolManager(ssl_context=context_of(pair), retries=False, timeout=10) as pool:
            assert pool.request("GET", f"https://{cluster['node_addresses'][1]}:10250/pods").status == 403
    assert known_nodes == {mine}


def files_of(folder: Path) -> Iterator[bytes]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 2**20:
            yield path.read_bytes()


def identities(contents: list[bytes], folder: Path) -> list[tuple[Path, Path]]:
    """Find the certificates with their keys."""
    keys, certificates = (
        sorted({block for content in contents for block in re.findall(pattern, content, re.DOTALL)})
        for pattern in (
            rb"-----BEGIN (?:EC |RSA )?PRIVATE KEY-----.+?-----END (?:EC |RSA )?PRIVATE KEY-----",
            rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----",
        )
    )
    found = []
    for number, (key, certificate) in enumerate((key, certificate) for key in keys for certificate in certificates):
        pair = (folder / f"{number}.crt", folder / f"{number}.key")
        pair[0].write_bytes(certificate + b"\n")
        pair[1].write_bytes(key + b"\n")
        try:
            context_of(pair)
        except ssl.SSLError:
            continue  # they do not belong together
        found.append(pair)
    return found


def context_of(pair: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(*pair)
    return context


def call(cluster: dict, pair: tuple[Path, Path], method: str, path: str) -> int:
    body = json.dumps({"metadata": {"annotations": {"seen": "yes"}}}).encode() if method in ("PATCH", "POST") else None
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    with urllib3.PoolManager(ssl_context=context_of(pair), retries=False, timeout=10) as pool:
        headers = {"Content-Type": kind}
        return pool.request(method, cluster["api_address"] + path, body=body, headers=headers).status


def test_no_node_holds_what_administers_the_cluster(service, cluster):
    for machine in service.machine_folders(cluster["uuid"]):
        for certificate in (machine / "upper/etc/magnum/certificates").glob("*.crt"):
            shown = subprocess.run(
                ["openssl", "x509", "-noout", "-subject", "-in", certificate],
                capture_output=True,
                text=True,
                check=True,
            )
            assert "system:masters" not in shown.stdout
    assert API_TO_KUBELET != "system:masters"


def test_every_listening_port_is_in_the_documentation(master, workers):
    documented = {
        (role, address, int(port))
        for roles, address, port in re.findall(
            r"^\| (all|masters) \| (any|its own|loopback) \| (\d+) \|", DOCS.read_text(), re.MULTILINE
        )
        for role in (("master", "worker") if roles == "all" else ("master",))
    }
    found = {("master", *place) for place in listening(master)}
    found |= {("worker", *place) for worker in workers for place in listening(worker)}
    assert found == documented


def listening(machine: str) -> set[tuple[str, int]]:
    places = set()
    for line in inside(machine, "ss", "-Hlntu").splitlines():
        address, _, port = line.split()[4].rpartition(":")
        kind = (
            "loopback"
            if address.startswith(("127.", "[::1]"))
            else "any"
            if address in ("*", "0.0.0.0", "[::]")
            else "its own"
        )
        places.add((kind, int(port)))
    return places
