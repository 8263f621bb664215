"""The swarm client against real Docker engines, each a host of its own by namespaces."""

import contextlib
import functools
import ipaddress
import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from magnum.certificates.authority import Authority, issue, new_authority, new_client_certificate, open_authority
from magnum.certificates.bundle import clear_private_key
from magnum.certificates.limits import swarm_node_limits
from magnum.certificates.rules import SigningRules
from magnum.coe.swarm import SwarmClient, SwarmRefused, SwarmUnreachable, SwarmUntrusted
from magnum.coe.swarm_values import SwarmNode
from magnum.model.clocks import SystemClock

pytestmark = pytest.mark.root

RULES = SigningRules()
NOW = SystemClock().now()
SUBNET = ipaddress.ip_network("10.197.33.0/24")

# The first process of a host. No route leads out of it and it knows no resolver, so that no image look-up waits.
HOST = """
set -e
mount --make-rprivate /
hostname "$NAME"
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
mkdir -p /var/lib/docker
mount --bind "$FOLDER/lib" /var/lib/docker
: >/run/resolv.conf
mount --bind /run/resolv.conf "$(readlink -f /etc/resolv.conf)"
echo '{}' >/run/daemon.json
dockerd --config-file /run/daemon.json --cgroup-parent "/magnum-test-engines/$NAME" \\
  -H unix:///run/docker.sock -H "tcp://$ADDRESS:2376" \\
  --tlsverify --tlscacert "$FOLDER/ca.crt" --tlscert "$FOLDER/node.crt" --tlskey "$FOLDER/node.key" &
trap 'kill %1; wait' TERM
wait
"""


class Tls(msgspec.Struct, frozen=True):
    ca: str
    certificate: str
    key: str


def run(*command: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, f"{' '.join(command)}: {ran.stderr}"
    return ran.stdout


def until(said: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < ends, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.1)


class Engine:
    """A host with an engine; `kill` is its power failing."""

    def __init__(self, folder: Path, fabric: str, number: int, authority: Authority) -> None:
        self.name = f"host-{number}"
        self.address = str(SUBNET[10 + number])
        self.folder = folder / self.name
        (self.folder / "lib").mkdir(parents=True)
        self._namespace = f"{fabric}-{number}"
        self._write_certificates(authority)
        run("ip", "netns", "add", self._namespace)
        run("ip", "-n", self._namespace, "link", "set", "lo", "up")
        link = ["type", "veth", "peer", "name", "eth0", "netns", self._namespace]
        run("ip", "-n", fabric, "link", "add", f"v{number}", *link)
        run("ip", "-n", fabric, "link", "set", f"v{number}", "master", "bridge", "up")
        run("ip", "-n", self._namespace, "address", "add", f"{self.address}/{SUBNET.prefixlen}", "dev", "eth0")
        run("ip", "-n", self._namespace, "link", "set", "eth0", "up")
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        inside = (
            "nsenter",
            f"--net=/run/netns/{self._namespace}",
            "unshare",
            "-m",
            "-u",
            "-p",
            "-i",
            "-f",
            "--kill-child",
        )
        told = {"NAME": self.name, "FOLDER": str(self.folder), "ADDRESS": self.address}
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(
                [*inside, "/bin/bash", "-c", HOST],
                env={**os.environ, **told},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def _write_certificates(self, authority: Authority) -> None:
        """As a node has them: for the server side only."""
        key = ec.generate_private_key(ec.SECP256R1())
        csr = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(self.address))]), critical=False
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
            .decode()
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / "ca.crt").write_text(ca_pem(authority))
        (self.folder / "node.crt").write_text(
            issue(csr, authority, RULES, swarm_node_limits(self.name, self.address), NOW)
        )
        (self.folder / "node.key").write_bytes(private)

    @property
    def identity(self) -> Tls:
        """All that the host itself could show another engine."""
        return Tls(*((self.folder / name).read_text() for name in ("ca.crt", "node.crt", "node.key")))

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()[-2000:]

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)

    def remove(self) -> None:
        if self.running:
            self.kill()
        run("ip", "netns", "delete", self._namespace)


def ca_pem(authority: Authority) -> str:
    return authority.certificate.public_bytes(serialization.Encoding.PEM).decode()


def client_of(authority: Authority) -> Tls:
    bundle = new_client_certificate(authority, RULES, NOW)
    return Tls(ca_pem(authority), bundle.certificate, clear_private_key(bundle))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return open_authority(new_authority("swarm", RULES, NOW))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> Tls:
    return client_of(authority)


@pytest.fixture(scope="module")
def fabric() -> Iterator[str]:
    """A network of its own; the last address of it is this host's."""
    unique = secrets.token_hex(4)
    name, near = f"magnum-test-{unique}", f"mt{unique}"
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", name, "link", "set", "bridge", "up")
        run("ip", "link", "add", near, "type", "veth", "peer", "name", "host", "netns", name)
        run("ip", "address", "add", f"{SUBNET[254]}/{SUBNET.prefixlen}", "dev", near)
        run("ip", "link", "set", near, "up")
        run("ip", "-n", name, "link", "set", "host", "master", "bridge", "up")
        yield name
    finally:
        run("ip", "netns", "delete", name)


@pytest.fixture(scope="module")
def engines(fabric: str, authority: Authority) -> Iterator[list[Engine]]:
    with (
        tempfile.TemporaryDirectory(prefix="magnum-engines-", ignore_cleanup_errors=True) as folder,
        contextlib.ExitStack() as made,
    ):
        made.callback(_remove_cgroups)
        engines = []
        for number in range(3):
            engine = Engine(Path(folder), fabric, number, authority)
            made.callback(engine.remove)
            engines.append(engine)
        yield engines


def _remove_cgroups() -> None:
    for parent in Path("/sys/fs/cgroup").glob("*/magnum-test-engines"):
        for folder, _, _ in os.walk(parent, topdown=False):
            with contextlib.suppress(OSError):  # what the kernel has not let go yet holds nothing any more
                Path(folder).rmdir()


@pytest.fixture(scope="module")
def clients(engines: list[Engine], tls: Tls) -> list[SwarmClient]:
    clients = [SwarmClient(engine.address, tls, timeout=20) for engine in engines]
    for engine, client in zip(engines, clients, strict=True):
        until(functools.partial(_answers, engine, client), f"{engine.name} to answer")
    return clients


def _answers(engine: Engine, client: SwarmClient) -> bool:
    assert engine.running, engine.log
    try:
        client.ping()
    except SwarmUnreachable:
        return False
    return True


def docker(engine: Engine, tls: Tls, *command: str) -> str:
    """The unmodified command, with the files of a user."""
    folder = engine.folder / "user"
    folder.mkdir(exist_ok=True)
    for name, text in (("ca.pem", tls.ca), ("cert.pem", tls.certificate), ("key.pem", tls.key)):
        (folder / name).write_text(text)
    files = [
        f"--tls{option}={folder}/{name}.pem" for option, name in (("cacert", "ca"), ("cert", "cert"), ("key", "key"))
    ]
    return run("docker", "--host", f"tcp://{engine.address}:2376", "--tlsverify", *files, *command)


def test_a_nodes_own_certificate_opens_no_engine(engines, clients, authority):
    """It is for the server side only. So is what a worker holds, however it is shown."""
    for engine in engines:
        for thief in engines:
            with pytest.raises(SwarmUntrusted, match="turned our certificate away"):
                SwarmClient(engine.address, thief.identity, timeout=20).ping()
    foreign = client_of(open_authority(new_authority("swarm", RULES, NOW)))
    with pytest.raises(SwarmUntrusted, match="turned our certificate away"):
        SwarmClient(engines[0].address, msgspec.structs.replace(foreign, ca=ca_pem(authority)), timeout=20).ping()


def test_the_life_of_a_swarm(engines, clients, tls):
    manager, second, third = clients
    form(engines, clients)
    give_work(engines, tls)

    until(lambda: len(manager.busy_nodes()) == 3, "work on all nodes")
    members = {node.hostname: node for node in manager.nodes()}
    assert all(manager.running_tasks(node.id) for node in members.values())

    promote_and_demote(manager, members[engines[1].name].id)

    # One goes in order: its work first, then the node, and nothing is left of it.
    leaving = members[engines[1].name].id
    manager.drain(leaving)
    manager.drain(leaving)
    until(lambda: not manager.running_tasks(leaving), "the node to be idle")
    with pytest.raises(SwarmRefused, match="not down"):
        manager.remove(leaving)
    second.leave()
    second.leave()
    manager.remove(leaving, force=True)
    manager.remove(leaving, force=True)
    assert {node.hostname: node.state for node in manager.nodes()} == {
        engines[0].name: "ready",
        engines[2].name: "ready",
    }
    assert not second.info().active

    # One goes without a word.
    engines[2].kill()
    with pytest.raises(SwarmUnreachable):
        third.info()
    manager.remove(members[engines[2].name].id, force=True)
    assert [node.hostname for node in manager.nodes()] == [engines[0].name]

    # And one comes back.
    second.join(engines[0].address, manager.join_tokens().worker, engines[1].address)
    until(lambda: [node.state for node in manager.nodes()] == ["ready"] * 2, "two nodes")
    with pytest.raises(SwarmRefused):
        manager.leave()
    manager.leave(force=True)
    assert manager.info().state == "inactive"


def form(engines: list[Engine], clients: list[SwarmClient]) -> None:
    manager, *others = clients
    first = manager.init(engines[0].address)
    assert manager.init(engines[0].address) == first
    tokens = manager.join_tokens()
    for engine, client in zip(engines[1:], others, strict=True):
        client.join(engines[0].address, tokens.worker, engine.address)
        client.join(engines[0].address, tokens.worker, engine.address)
    until(lambda: [node.state for node in manager.nodes()] == ["ready"] * 3, "three nodes")
    assert {(node.hostname, node.address, node.role, node.leader) for node in manager.nodes()} == {
        (engines[0].name, engines[0].address, "manager", True),
        (engines[1].name, engines[1].address, "worker", False),
        (engines[2].name, engines[2].address, "worker", False),
    }
    assert not others[0].info().is_manager
    with pytest.raises(SwarmRefused, match="not a swarm manager"):
        others[0].nodes()


def give_work(engines: list[Engine], tls: Tls) -> None:
    """An image without a registry: one static program."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.tar"
        run("tar", "--create", "--file", str(image), "--directory", "/usr/bin", "--dereference", "busybox")
        for engine in engines:
            docker(engine, tls, "import", str(image), "sleeper:1")
    placed = ("--mode", "global", "--no-resolve-image", "--endpoint-mode", "dnsrr", "--detach", "--name", "sleeper")
    docker(
        engines[0],
        tls,
        "service",
        "create",
        *placed,
        "--stop-grace-period",
        "0s",
        "sleeper:1",
        "/busybox",
        "sleep",
        "1000000",
    )


def promote_and_demote(manager: SwarmClient, node_id: str) -> None:
    def node() -> SwarmNode:
        return next(node for node in manager.nodes() if node.id == node_id)

    manager.promote(node_id)
    manager.promote(node_id)
    until(lambda: node().reachability == "reachable", "the worker to be a manager")
    manager.demote(node_id)
    manager.demote(node_id)
    until(lambda: not node().reachability, "the manager to be a worker")
    assert node().role == "worker"
