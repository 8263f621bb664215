"""A real cluster of Kubernetes on machines of this host, made by the unmodified command: its users, its enemies.

The tests of this module share one service and one cluster of a master and two workers, and are run in order; the last
ones change its size and delete it.
"""

import json
import os
import platform
import re
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
import urllib3
import yaml
from programs import Kubectl, Openstack, Standalone, first_process, inside, run_inside

from magnum.drivers.local_kubernetes.pause_image import archive
from magnum.nodes.kubernetes.certificates import API_TO_KUBELET

pytestmark = [
    pytest.mark.root,
    # Who attacks does not care whom he talks to.
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]
NAME = "real"
IMAGE = "localhost/box:1"
DOCS = Path(__file__).parents[2] / "docs/kubernetes.md"
SECONDS = 90


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Standalone]:
    often = "[kubernetes]\nhealth_polling_interval = 5\n"
    with Standalone(tmp_path_factory.mktemp("kubernetes") / "var", often) as service:
        yield service


@pytest.fixture(scope="module")
def openstack(service) -> Openstack:
    return service.openstack


@pytest.fixture(scope="module")
def cluster(service, openstack) -> dict:
    kind = ("--coe", "kubernetes", "--network-driver", "bridge", "--image", "debian-12", "--external-network", "public")
    flavors = ("--master-flavor", "m1.medium", "--flavor", "m1.small")
    openstack("coe", "cluster", "template", "create", "kubernetes", *kind, *flavors)
    openstack("coe", "cluster", "create", NAME, "--cluster-template", "kubernetes", "--node-count", "2")
    return service.until(NAME, "CREATE_COMPLETE", seconds=300)


@pytest.fixture(scope="module")
def kubectl(cluster, openstack, tmp_path_factory) -> Kubectl:
    return Kubectl.configured(openstack, NAME, tmp_path_factory.mktemp("config"))


def machines(service: Standalone, cluster: dict, role: str) -> list[str]:
    return [path.name for path in service.machine_folders(cluster["uuid"]) if f"-{role}-" in path.name]


@pytest.fixture
def master(service, cluster) -> str:
    return machines(service, cluster, "master")[0]


@pytest.fixture
def workers(service, cluster) -> list[str]:
    return machines(service, cluster, "worker")


def give_image(machine: str) -> None:
    """Import an image of busybox alone, made here."""
    busybox = Path("/bin/busybox").read_bytes()
    content = archive(IMAGE, busybox, {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()])
    inside(machine, "ctr", "--namespace", "k8s.io", "images", "import", "-", stdin=content)


def deployment(name: str, replicas: int) -> str:
    """A server that answers with its host's name, and goes on answering for a while when it is told to end."""
    script = "echo serving; mkdir /www; hostname >/www/index.html; exec busybox httpd -f -p 8080 -h /www"
    container = {
        "name": name,
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": [
            "busybox",
            "sh",
            "-c",
            script.replace("mkdir", "busybox mkdir").replace("hostname", "busybox hostname"),
        ],
        "securityContext": {"runAsUser": 0},
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"exec": {"command": ["busybox", "sleep", "4"]}}},
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": name}},
    }
    pod = {"containers": [container], "topologySpreadConstraints": [spread], "terminationGracePeriodSeconds": 6}
    labels = {"app": name}
    parts = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        {
            "apiVersion": "policy/v1beta1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}},
        },
    ]
    return yaml.safe_dump_all(parts)


def placed(kubectl: Kubectl, name: str) -> dict[str, dict]:
    """Give the running pods by the node that they are on."""
    pods = kubectl.get("pods", "--selector", f"app={name}")["items"]
    return {pod["spec"]["nodeName"]: pod for pod in pods if not pod["metadata"].get("deletionTimestamp")}


# ---- its users


def test_the_cluster_tells_what_it_is(cluster):
    assert cluster["api_address"] == f"https://{cluster['master_addresses'][0]}:6443"
    assert (len(cluster["master_addresses"]), len(cluster["node_addresses"])) == (1, 2)
    assert cluster["coe_version"] == "v1.20.2"
    assert re.match(r"1\.", cluster["container_version"])


def test_all_nodes_are_ready_and_carry_their_roles(kubectl, master, workers):
    assert kubectl.nodes() == dict.fromkeys([master, *workers], True)
    nodes = {node["metadata"]["name"]: node for node in kubectl.get("nodes")["items"]}
    assert "node-role.kubernetes.io/control-plane" in nodes[master]["metadata"]["labels"]
    assert nodes[master]["spec"]["taints"] == [{"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"}]
    for worker in workers:
        assert nodes[worker]["metadata"]["labels"]["magnum.openstack.org/nodegroup"] == "default-worker"
        assert "taints" not in nodes[worker]["spec"]


def test_addons_are_applied_and_their_state_is_told(kubectl, openstack):
    """Whether their images can be had here, nobody knows: so whether they run is not asked."""
    deployments = {one["metadata"]["name"] for one in kubectl.get("deployments", "--namespace", "kube-system")["items"]}
    assert {"coredns", "coredns-autoscaler", "metrics-server"} <= deployments
    told = openstack("coe", "cluster", "event", "list", NAME)
    for title in ("CoreDNS", "metrics-server"):
        assert f"{title} was applied." in told
        assert f"{title} is " in told


def test_kubernetes_finds_itself_well(kubectl):
    said = kubectl("get", "--raw", "/readyz?verbose")
    assert "readyz check passed" in said
    assert "[-]" not in said


def test_pods_of_an_imported_image_run_and_a_service_reaches_them_from_everywhere(kubectl, master, workers):
    for worker in workers:
        give_image(worker)
    kubectl("apply", "--filename", "-", stdin=deployment("web", 2))
    kubectl("rollout", "status", "deployment/web", f"--timeout={SECONDS}s")
    pods = placed(kubectl, "web")
    assert set(pods) == set(workers)
    address = kubectl.get("service", "web")["spec"]["clusterIP"]
    names = {pod["metadata"]["name"] for pod in pods.values()}
    for machine in (master, *workers):
        assert ask_until(machine, f"http://{address}/", names) == names
    first, second = pods.values()
    asked = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 5 %s 8080"
    for one, other in ((first, second), (second, first)):  # without help of a service, and in their own names
        command = ("busybox", "sh", "-c", asked % other["status"]["podIP"])
        assert other["metadata"]["name"] in kubectl("exec", one["metadata"]["name"], "--", *command)


def ask_until(machine: str, url: str, names: set[str]) -> set[str]:
    """Ask until all have answered; the rules of a node's proxy are a moment late."""
    answered: set[str] = set()
    deadline = time.monotonic() + SECONDS
    while not answered >= names and time.monotonic() < deadline:
        done = run_inside(machine, "curl", "--silent", "--fail", "--max-time", "5", url)
        answered |= {done.stdout.decode().strip()} if done.returncode == 0 else set()
    return answered


def test_logs_are_read_through_the_api(kubectl):
    assert kubectl("logs", "--selector", "app=web").split() == ["serving", "serving"]


# ---- its enemies


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


# ---- its life


class Probe(threading.Thread):
    """Asks for a page ten times a second."""

    def __init__(self, machine: str, url: str) -> None:
        super().__init__()
        self._command = ("curl", "--silent", "--fail", "--max-time", "2", "--output", "/dev/null", url)
        self._machine = machine
        self._ended = threading.Event()
        self.asked = 0
        self.failed = 0

    def run(self) -> None:
        while not self._ended.wait(0.1):
            self.asked += 1
            self.failed += run_inside(self._machine, *self._command).returncode != 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def test_it_grows_and_then_idle_workers_go_first_and_work_is_moved(service, openstack, cluster, kubectl, master):
    openstack("coe", "cluster", "update", NAME, "replace", "node_count=3")
    service.until(NAME, "UPDATE_COMPLETE", seconds=180)
    workers = machines(service, cluster, "worker")
    assert kubectl.nodes() == dict.fromkeys([master, *workers], True)
    busy = set(placed(kubectl, "web"))
    assert len(busy) == 2

    openstack("coe", "cluster", "update", NAME, "replace", "node_count=2")
    service.until(NAME, "UPDATE_COMPLETE", seconds=180)
    assert set(machines(service, cluster, "worker")) == busy
    assert set(kubectl.nodes()) == {master, *busy}

    address = kubectl.get("service", "web")["spec"]["clusterIP"]
    with Probe(master, f"http://{address}/") as probe:
        openstack("coe", "cluster", "update", NAME, "replace", "node_count=1")
        service.until(NAME, "UPDATE_COMPLETE", seconds=180)
        kubectl("rollout", "status", "deployment/web", f"--timeout={SECONDS}s")
        time.sleep(2)
    assert set(placed(kubectl, "web")) == set(machines(service, cluster, "worker"))
    assert probe.asked > 20
    assert probe.failed <= probe.asked / 100, f"{probe.failed} of {probe.asked}"


def test_health_is_what_the_cluster_says(service, cluster, openstack):
    """A machine that dies is seen as soon as Kubernetes has given it up, which takes it 40 s."""
    worker = machines(service, cluster, "worker")[-1]
    until_health(service, "HEALTHY", f"{worker}.Ready", "True")
    os.kill(first_process(worker), signal.SIGKILL)  # as the power would
    until_health(service, "UNHEALTHY", f"{worker}.Ready", "False")
    assert f"The cluster is UNHEALTHY; it was HEALTHY: {worker}.Ready: False." in openstack(
        "coe", "cluster", "event", "list", NAME, "--long"
    )
    service.kill()
    service.start()  # which switches the machine on again
    until_health(service, "HEALTHY", f"{worker}.Ready", "True")


def until_health(service: Standalone, status: str, name: str, text: str) -> None:
    deadline = time.monotonic() + 2 * SECONDS
    while True:
        seen = service.get(f"/clusters/{NAME}")
        if (seen["health_status"], seen["health_status_reason"].get(name)) == (status, text):
            return
        assert time.monotonic() < deadline, seen["health_status_reason"]
        time.sleep(1)


def test_it_is_deleted_with_all_that_it_had(service, openstack, cluster):
    openstack("coe", "cluster", "delete", NAME)
    service.until_gone(NAME, seconds=60)
    assert service.machine_folders(cluster["uuid"]) == []
    listed = subprocess.run(
        ["ip", "-json", "link", "show", "type", "bridge"], capture_output=True, check=True, text=True
    ).stdout
    assert service.names_prefix not in listed
