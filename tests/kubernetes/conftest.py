"""A real API server of Kubernetes on loopback, and no nodes: etcd and the programs that machines of this host run.

`make test-kubernetes` sees to it that both are there; without them these tests fail and say so.
"""

import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from background import running
from cluster_certificates import ClusterCertificates
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from installation import free_port

from magnum.coe.kubernetes import KubernetesClient
from magnum.coe.kubernetes_calls import KubernetesError, KubernetesUnreachable
from magnum.drivers.local import rootfs
from magnum.drivers.local.settings import default_cache_dir

TAG = "v1.20.2"
LONGEST = 120.0
"""Seconds; it takes about four."""


def _wait(until: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + LONGEST
    while not until():
        if process.poll() is not None or time.monotonic() > ends:
            pytest.fail(f"{log.stem} does not come up:\n{log.read_text()[-4000:]}")
        time.sleep(0.1)


def _files(folder: Path, certificates: ClusterCertificates) -> dict[str, Path]:
    server = certificates.server(x509.IPAddress(ip_address("127.0.0.1")))
    account = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    public = account.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    contents = {
        "ca.crt": certificates.ca,
        "server.crt": server.certificate,
        "server.key": server.key,
        "account.key": account.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password).decode(),
        "account.pub": public.decode(),
    }
    for name, content in contents.items():
        (folder / name).write_text(content)
    return {name: folder / name for name in contents}


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesClient]:
    """Give a client of an API server that is ready."""
    folder = tmp_path_factory.mktemp("kubernetes")
    program = default_cache_dir() / "kubernetes" / f"{TAG}-{platform.machine()}" / "kube-apiserver"
    keeper = rootfs.path_of(rootfs.DEBIAN_12, default_cache_dir()) / "usr/bin/etcd"
    for needed in (program, keeper):
        assert needed.exists(), "run this by make test-kubernetes, which makes what it needs"
    certificates = ClusterCertificates("cluster")
    files = _files(folder, certificates)
    store, peers, port = (f"127.0.0.1:{free_port()}" for _ in range(3))
    etcd = (
        *(keeper, "--name=a", f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync"),
        *(f"--listen-client-urls=http://{store}", f"--advertise-client-urls=http://{store}"),
        *(f"--listen-peer-urls=http://{peers}", f"--initial-advertise-peer-urls=http://{peers}"),
        f"--initial-cluster=a=http://{peers}",
    )
    server = (
        *(program, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--insecure-port=0"),
        *(f"--secure-port={port.rpartition(':')[2]}", f"--etcd-servers=http://{store}"),
        *(f"--tls-cert-file={files['server.crt']}", f"--tls-private-key-file={files['server.key']}"),
        *(f"--client-ca-file={files['ca.crt']}", f"--service-account-key-file={files['account.pub']}"),
        f"--service-account-signing-key-file={files['account.key']}",
        *("--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.254.0.0/16"),
        *("--authorization-mode=RBAC", "--allow-privileged=true", "--disable-admission-plugins=ServiceAccount"),
        f"--cert-dir={folder}",
    )
    client = KubernetesClient(port, certificates.client(), timeout=20)
    with (
        running(folder / "etcd.log", *etcd),
        running(folder / "kube-apiserver.log", *server) as process,
    ):
        _wait(lambda: _is_ready(client), process, folder / "kube-apiserver.log")
        yield client


def _is_ready(client: KubernetesClient) -> bool:
    try:
        return client.readiness().ready
    except KubernetesUnreachable:
        return False
    except KubernetesError:
        return False  # roles are made last
