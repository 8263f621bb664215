"""The node program on real machines: booted from user data, against an API with real TLS and real certificates."""

import base64
import contextlib
import hashlib
import json
import re
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from magnum.certificates.authority import Authority, issue, new_authority, new_client_certificate, open_authority
from magnum.certificates.bundle import clear_private_key
from magnum.certificates.csr import CsrRefused
from magnum.certificates.limits import swarm_node_limits
from magnum.certificates.rules import SigningRules
from magnum.coe.swarm import SwarmClient, SwarmError, SwarmUntrusted
from magnum.drivers.local import rootfs
from magnum.drivers.local.folders import MachineSpec
from magnum.drivers.local.host import LocalHost
from magnum.drivers.local.settings import LocalSettings, default_cache_dir
from magnum.model.clocks import SystemClock
from magnum.nodes.cloud_init import cloud_config
from magnum.nodes.data import NodeData, NodeToken
from magnum.nodes.files import PROGRAM, node_files

pytestmark = pytest.mark.root

TOKEN = "the-secret-token-of-the-node-0123456789"
RULES = SigningRules()
NOW = SystemClock().now()


class Tls(msgspec.Struct, frozen=True):
    ca: str
    certificate: str
    key: str


class NodeApi:
    """What a node calls: its cluster's CA, signing within the node's limits, and its reports."""

    def __init__(self, address: str, port: int, name: str, node_address: str) -> None:
        self.cluster_uuid = str(uuid.uuid4())
        self.authority: Authority = open_authority(new_authority("swarm", RULES, NOW))
        self.ca = self.authority.certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.limits = swarm_node_limits(name, node_address)
        self.report_path = f"/v1/clusters/{self.cluster_uuid}/nodes/{name}/report"
        self.reports: list[dict[str, str]] = []
        self.tokens: set[str] = set()
        self.address = (address, port)
        self._told = threading.Condition()

    @property
    def url(self) -> str:
        return "https://{}:{}/v1".format(*self.address)

    def client(self) -> Tls:
        bundle = new_client_certificate(self.authority, RULES, NOW)
        return Tls(self.ca, bundle.certificate, clear_private_key(bundle))

    def handle(self, method: str, path: str, token: str, body: bytes) -> tuple[int, object]:
        self.tokens.add(token)
        if token != TOKEN:
            return 401, {"errors": [{"detail": "this token opens nothing"}]}
        if (method, path) == ("GET", f"/v1/certificates/{self.cluster_uuid}"):
            return 200, {"cluster_uuid": self.cluster_uuid, "pem": self.ca}
        if (method, path) == ("POST", "/v1/certificates"):
            return self._sign(json.loads(body))
        if (method, path) == ("POST", self.report_path):
            with self._told:
                self.reports.append(dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True)))
                self._told.notify_all()
            return 204, None
        return 404, {"errors": [{"detail": "nothing here"}]}

    def _sign(self, asked: dict[str, str]) -> tuple[int, object]:
        assert asked["cluster_uuid"] == self.cluster_uuid
        try:
            return 201, {"csr": asked["csr"], "pem": issue(asked["csr"], self.authority, RULES, self.limits, NOW)}
        except CsrRefused as refusal:
            return 400, {"errors": [{"detail": str(refusal)}]}

    def wait_for_the_end(self, seconds: float) -> dict[str, str]:
        def ended() -> bool:
            return bool(self.reports) and self.reports[-1]["status"] != "PROGRESS"

        with self._told:
            assert self._told.wait_for(ended, seconds), f"no report of an end within {seconds} s, but {self.reports}"
        return self.reports[-1]


class _Handler(BaseHTTPRequestHandler):
    api: NodeApi

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer = self.api.handle(self.command, self.path, self.headers.get("X-Magnum-Node-Token", ""), body)
        content = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _any  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext

    def finish_request(self, request: object, client_address: object) -> None:
        with contextlib.suppress(OSError), self.context.wrap_socket(request, server_side=True) as secure:  # type: ignore[arg-type]
            super().finish_request(secure, client_address)  # type: ignore[arg-type]


def listener_identity(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A certificate that nobody vouches for, and the pin by which it is believed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "listener")])
    now = datetime.now(UTC)
    draft = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = draft.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "listener.pem").write_bytes(
        dated.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + private
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "listener.pem")
    return context, pin_of(key)


def pin_of(key: ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(public).digest()).decode()


@contextlib.contextmanager
def served(api: NodeApi, context: ssl.SSLContext) -> Iterator[None]:
    handler = type("Handler", (_Handler,), {"api": api})
    with _Server(api.address, handler) as server:
        server.context = context
        api.address = server.server_address[:2]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def node_data(api: NodeApi, pin: str, name: str, address: str) -> NodeData:
    return NodeData(
        cluster_uuid=api.cluster_uuid,
        node_name=name,
        role="worker",
        coe="swarm-mode",
        address=address,
        api_url=api.url,
        api_pin=pin,
        credential=NodeToken(TOKEN),
    )


# -- on this host, without a machine -----------------------------------------------------------------------------------


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="magnum-node-") as name:
        yield Path(name)


class TestWhomTheNodeBelieves:
    """With the real curl: a step's calls in a scratch root."""

    def run(self, folder: Path, pin: str, api: NodeApi) -> subprocess.CompletedProcess[str]:
        for file in node_files(node_data(api, pin, "node-0", "127.0.0.1")):
            path = folder / file.path.removeprefix("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        step = folder / PROGRAM.removeprefix("/") / "steps/swarm-mode/20-make-certificates"
        environment = {"MAGNUM_ROOT": str(folder), "PATH": "/usr/bin:/bin", "MAGNUM_HTTP_SECONDS": "0"}
        return subprocess.run(
            ["/bin/bash", step], env=environment, capture_output=True, text=True, timeout=30, check=False
        )

    def test_the_holder_of_the_pinned_key(self, folder):
        context, pin = listener_identity(folder)
        api = NodeApi("127.0.0.1", 0, "node-0", "127.0.0.1")
        with served(api, context):
            ran = self.run(folder, pin, api)
        assert ran.returncode == 0, ran.stderr
        issued = x509.load_pem_x509_certificate((folder / "etc/magnum/certificates/server.crt").read_bytes())
        assert issued.subject.rfc4514_string() == "CN=node-0"

    def test_nobody_else_who_does_not_see_the_token_either(self, folder):
        context, _ = listener_identity(folder)
        api = NodeApi("127.0.0.1", 0, "node-0", "127.0.0.1")
        with served(api, context):
            ran = self.run(folder, pin_of(ec.generate_private_key(ec.SECP256R1())), api)
        assert ran.returncode == 1
        assert "public key does not match" in ran.stderr
        assert api.tokens == set()


# -- on machines -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def settings() -> Iterator[LocalSettings]:
    with tempfile.TemporaryDirectory(prefix="magnum-node-program-") as state:
        yield LocalSettings(state_dir=Path(state), cache_dir=default_cache_dir())


@pytest.fixture(scope="module")
def host(settings: LocalSettings) -> Iterator[LocalHost]:
    rootfs.ensure(rootfs.DEBIAN_12, settings.cache_dir, lambda _: None)
    host = LocalHost(settings)
    try:
        yield host
    finally:
        host.clean()


class Node:
    """One machine that boots with a node's user data, and the API that it talks to."""

    name = "node-0"

    def __init__(self, host: LocalHost, port: int, folder: Path) -> None:
        self.host = host
        self.cluster = str(uuid.uuid4())
        self.network = host.ensure_network(self.cluster)
        self.address = str(self.network.subnet[10])
        self.context, self.pin = listener_identity(folder)
        self.api = NodeApi(str(self.network.gateway), port, self.name, self.address)

    def user_data(self) -> str:
        return cloud_config(node_data(self.api, self.pin, self.name, self.address))

    def boot(self, user_data: str) -> None:
        self.host.start_machine(
            MachineSpec(
                cluster_uuid=self.cluster,
                name=self.name,
                address=self.network.subnet[10],
                memory_mib=1024,
                vcpus=1,
                user_data=user_data,
                instance_id=f"{self.cluster}-0",
            )
        )

    def engine(self) -> SwarmClient:
        return SwarmClient(self.address, self.api.client(), timeout=10)

    def inside(self, *command: str) -> str:
        """Run a command in the machine, whose first process is the one that nspawn has started."""
        leader = _leader(self.address)
        ran = subprocess.run(
            ["nsenter", "--target", leader, "--all", *command], capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
        return ran.stdout


def _leader(address: str) -> str:
    """Find the machine's systemd by its network: the process 1 of a namespace that has the address."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if re.search(r"^NSpid:\t\d+\t1$", status.read_text(), re.MULTILINE):
                addresses = (status.parent / "net/fib_trie").read_text()
                if f"|-- {address}\n" in addresses:
                    return status.parent.name
    raise AssertionError(f"no machine has {address}")


@pytest.fixture
def node(host: LocalHost, settings: LocalSettings, folder: Path) -> Iterator[Node]:
    node = Node(host, settings.node_port, folder)
    try:
        with served(node.api, node.context):
            yield node
    finally:
        host.delete_machine(node.cluster, node.name)
        host.delete_network(node.cluster)


def until(said: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < ends, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.1)


def test_a_machine_becomes_a_node_and_stays_one(node, record_property):
    began = time.monotonic()
    node.boot(node.user_data())
    end = node.api.wait_for_the_end(120)
    record_property("seconds from boot to report", round(time.monotonic() - began, 2))
    assert (end["status"], end["step"], end["output"]) == ("SUCCESS", "bootstrap", "")
    assert [(report["status"], report["step"]) for report in node.api.reports[:-1]] == [
        ("PROGRESS", "10-check-image"),
        ("PROGRESS", "20-make-certificates"),
        ("PROGRESS", "30-configure-engine"),
        ("PROGRESS", "40-start-engine"),
    ]

    # Its engine lets the holder of the cluster's client certificate in, and nobody who has what is on the node.
    assert node.engine().info().name == node.name
    files = [f"/etc/magnum/certificates/{name}" for name in ("ca.crt", "server.crt", "server.key")]
    stolen = Tls(*(node.inside("cat", file) for file in files))
    with pytest.raises(SwarmUntrusted):
        SwarmClient(node.address, stolen, timeout=10).ping()

    # Nothing that is secret can be read by anybody but root, or is in the log.
    readable = node.inside(
        "find", "/etc/magnum", "/var/log/magnum-node.log", "/etc/docker", "-type", "f", "-perm", "/044"
    )
    assert sorted(readable.split()) == sorted(files[:2])
    assert node.inside("stat", "--format", "%a", "/etc/magnum/node").strip() == "700"
    assert TOKEN not in node.inside("cat", "/var/log/magnum-node.log")
    assert TOKEN not in node.inside("journalctl", "--no-pager", "--output", "cat")

    # cloud-init has nothing to complain of; the unit is enabled; and a reboot brings the engine back, without a report.
    assert "Valid" in node.inside("cloud-init", "schema", "--config-file", "/var/lib/cloud/seed/nocloud/user-data")
    until(lambda: "done" in node.inside("cloud-init", "status"), "cloud-init to be done")
    reports = len(node.api.reports)
    node.host.stop_machine(node.cluster, node.name)
    node.boot(node.user_data())
    until(lambda: _answers(node), "the engine after a reboot")
    until(lambda: "nothing to do" in node.inside("cat", "/var/log/magnum-node.log"), "the program to have run again")
    assert len(node.api.reports) == reports


def _answers(node: Node) -> bool:
    try:
        node.engine().ping()
    except SwarmError:
        return False
    return True


def broken(user_data: str, *commands: list[str]) -> str:
    """The same user data for a machine whose image is another."""
    document = yaml.safe_load(user_data)
    document["bootcmd"] += commands
    return "#cloud-config\n" + yaml.safe_dump(document)


def test_a_step_that_fails_is_told_by_name_with_its_error(node):
    node.boot(broken(node.user_data(), ["rm", "--force", "/usr/sbin/dockerd"]))
    end = node.api.wait_for_the_end(120)
    assert (end["status"], end["step"]) == ("FAILURE", "10-check-image")
    assert end["output"] == "this machine's image has no dockerd: use an image that holds the Docker engine\n"


def test_an_engine_that_does_not_start_is_told_with_its_own_words(node):
    node.boot(
        broken(node.user_data(), ["sh", "-c", "rm -rf /var/lib/docker/*; ln -s /proc/version /var/lib/docker/image"])
    )
    end = node.api.wait_for_the_end(120)
    assert (end["status"], end["step"]) == ("FAILURE", "40-start-engine")
    assert "the Docker engine does not start; its log ends with:\n" in end["output"]
    assert "\nfailed to start daemon: mkdir /var/lib/docker/image: not a directory\n" in end["output"]
