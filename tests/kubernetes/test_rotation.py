"""New keys, certificates and authorities for a real cluster, while a pod of it is asked ten times a second.

The tests of this module share one service and one cluster of a master and a worker, and are run in order.
"""

import base64
import platform
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from programs import Kubectl, Standalone, first_process, inside, run_inside

from magnum.drivers.local_kubernetes.pause_image import archive

pytestmark = pytest.mark.root
NAME = "turning"
IMAGE = "localhost/box:1"
CERTIFICATES = "/etc/magnum/certificates"
KEEPER = "/usr/local/lib/magnum-node/keep-certificates"
SECONDS = 180
"""For what takes some seconds on a machine that has nothing else to do."""
ROTATION = 900
SERVER = "busybox mkdir /www; echo well >/www/index.html; exec busybox httpd -f -p 8080 -h /www"
PROBE = """
lost=0 asked=0
while [ ! -e STOP ]; do
  asked=$((asked + 1))
  curl --silent --fail --max-time 10 --output /dev/null http://ADDRESS/ || lost=$((lost + 1))
  sleep 0.1
done
echo $asked $lost
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Standalone]:
    with Standalone(tmp_path_factory.mktemp("rotation") / "var", "[conductor]\nquiet_period = 1\n") as service:
        yield service


@pytest.fixture(scope="module")
def cluster(service) -> dict[str, Any]:
    kind = ("--coe", "kubernetes", "--network-driver", "bridge", "--image", "debian-12", "--external-network", "public")
    flavors = ("--master-flavor", "m1.medium", "--flavor", "m1.small")
    service.openstack("coe", "cluster", "template", "create", "turning", *kind, *flavors)
    service.openstack("coe", "cluster", "create", NAME, "--cluster-template", "turning", "--node-count", "1")
    return service.until(NAME, "CREATE_COMPLETE", seconds=480)


@pytest.fixture(scope="module")
def kubectl(service, cluster, tmp_path_factory) -> Kubectl:
    return Kubectl.configured(service.openstack, NAME, tmp_path_factory.mktemp("config"))


@pytest.fixture
def master(service, cluster) -> str:
    return named(service, cluster, "master")


@pytest.fixture
def worker(service, cluster) -> str:
    return named(service, cluster, "worker")


def named(service: Standalone, cluster: dict[str, Any], role: str) -> str:
    [name] = [path.name for path in service.machine_folders(cluster["uuid"]) if f"-{role}-" in path.name]
    return name


def serials(machine: str) -> dict[str, str]:
    """Give the certificates that lie on a machine, by file."""
    script = f"cd {CERTIFICATES}; for file in *.crt; do echo $file $(openssl x509 -noout -serial -in $file); done"
    return dict(line.split(" ", 1) for line in inside(machine, "sh", "-c", script).splitlines())


def everywhere(*machines: str) -> dict[str, str]:
    return {f"{machine} {file}": serial for machine in machines for file, serial in serials(machine).items()}


def until(what: str, condition) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


@pytest.fixture(scope="module")
def pod(service, cluster, kubectl) -> dict[str, Any]:
    """A server of one replica, which shows when it is stopped.

    Without a readiness probe: with one, a kubelet that is started anew takes it for unready at first.
    """
    busybox = Path("/bin/busybox").read_bytes()
    content = archive(IMAGE, busybox, {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()])
    inside(named(service, cluster, "worker"), "ctr", "--namespace", "k8s.io", "images", "import", "-", stdin=content)
    container = {
        "name": "web",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["busybox", "sh", "-c", SERVER],
        "securityContext": {"runAsUser": 0},
    }
    manifests = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web", "labels": {"app": "web"}},
            "spec": {"containers": [container]},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
        },
    ]
    kubectl("apply", "--filename", "-", stdin=yaml.safe_dump_all(manifests))
    kubectl("wait", "--for=condition=Ready", "pod/web", f"--timeout={SECONDS}s")
    return kubectl.get("pod", "web")


class Probe:
    """Asks a server ten times a second from a machine of the cluster."""

    def __init__(self, machine: str, address: str) -> None:
        self._machine = machine
        self._stop = f"/root/stop-{address}"
        entering = ["nsenter", "--all", "--target", str(first_process(machine)), "--"]
        until(f"{address} does not answer", lambda: self._asked(address))
        script = PROBE.replace("ADDRESS", address).replace("STOP", self._stop)
        self._process = subprocess.Popen([*entering, "sh", "-c", script], stdout=subprocess.PIPE, text=True)

    def _asked(self, address: str) -> bool:
        return run_inside(self._machine, "curl", "--silent", "--fail", f"http://{address}/").returncode == 0

    def end(self) -> tuple[int, int]:
        """Say how often it asked, and how often in vain."""
        inside(self._machine, "touch", self._stop)
        said, _ = self._process.communicate(timeout=60)
        asked, lost = map(int, said.split())
        return asked, lost


def test_a_node_renews_its_certificates_when_their_end_is_near(worker, kubectl, cluster):
    before = serials(worker)
    inside(worker, "env", "MAGNUM_RENEW_PERCENT=100", "bash", KEEPER, "once")
    after = serials(worker)
    assert after["ca.crt"] == before["ca.crt"]
    assert all(after[name] != before[name] for name in ("kubelet.crt", "kube-proxy.crt"))
    assert all(kubectl.nodes().values())


def test_the_authorities_are_replaced_and_nothing_stops(  # noqa: PLR0917
    service, cluster, kubectl, pod, master, worker, tmp_path, record_testsuite_property
):
    old_ca = service.openstack("coe", "ca", "show", NAME)
    before = everywhere(master, worker)
    token = account_token(kubectl)
    keep_old_etcd_client(master)
    # A service leaves pods out for a moment whose kubelet is started anew, and there is no other here; the pod goes on.
    probe = Probe(master, f"{pod['status']['podIP']}:8080")
    of_service = Probe(master, kubectl.get("service", "web")["spec"]["clusterIP"])
    began = time.monotonic()
    service.openstack("coe", "ca", "rotate", NAME)
    until("the second phase does not begin", lambda: "renew" in (service.named(NAME)["status_reason"] or ""))
    assert service.openstack("coe", "ca", "show", NAME).count("BEGIN CERTIFICATE") == 2
    service.kill()  # in the middle
    service.start()
    service.until(NAME, "UPDATE_COMPLETE", seconds=ROTATION)
    record_testsuite_property("seconds of a rotation of the CA", round(time.monotonic() - began, 1))
    asked, lost = probe.end()
    record_testsuite_property("probes of a pod, and those lost, during a rotation of the CA", f"{asked}, {lost}")
    record_testsuite_property("the same of its service", str(of_service.end()))
    assert lost <= asked / 100
    after = kubectl_of_now(service, tmp_path)
    same = after.get("pod", "web")
    assert same["metadata"]["uid"] == pod["metadata"]["uid"]
    assert [one["restartCount"] for one in same["status"]["containerStatuses"]] == [0]
    assert all(after.nodes().values())
    now = everywhere(master, worker)
    assert {name for name in now if now[name] == before[name]} == set()
    new_ca = service.openstack("coe", "ca", "show", NAME)
    assert (new_ca.count("BEGIN CERTIFICATE"), new_ca == old_ca) == (1, False)
    assert_old_ones_are_refused(kubectl, after, master)
    assert is_known(after, token)
    # The controller manager publishes it when it leads again, the API server when it has started.
    until("pods are not given the new authority alone", lambda: root_of_pods(after) == new_ca.split())
    until("the API does not publish the new authority alone", lambda: root_of_clients(after) == new_ca.split())


def root_of_pods(kubectl: Kubectl) -> list[str]:
    return kubectl.get("configmap", "kube-root-ca.crt")["data"]["ca.crt"].split()


def root_of_clients(kubectl: Kubectl) -> list[str]:
    published = kubectl.get("configmap", "extension-apiserver-authentication", "--namespace", "kube-system")["data"]
    return published["client-ca-file"].split()


def account_token(kubectl: Kubectl) -> str:
    account = kubectl.get("serviceaccount", "default")
    return kubectl.get("secret", account["secrets"][0]["name"])["data"]["token"]


def is_known(kubectl: Kubectl, token: str) -> bool:
    """Say whether the API knows who has this token."""
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": base64.b64decode(token).decode()},
    }
    written = yaml.safe_dump(review)
    return kubectl("create", "--filename", "-", "--output", "jsonpath={.status.authenticated}", stdin=written) == "true"


def keep_old_etcd_client(master: str) -> None:
    inside(master, "sh", "-c", f"mkdir /root/old && cp {CERTIFICATES}/apiserver-etcd.* /root/old")


def kubectl_of_now(service: Standalone, folder: Path) -> Kubectl:
    return Kubectl.configured(service.openstack, NAME, folder)


def assert_old_ones_are_refused(before: Kubectl, after: Kubectl, master: str) -> None:
    """Neither side of an old pair is believed: not what the API shows to who knows the old CA, nor the old client."""
    assert "certificate" in before.run("get", "nodes").stderr
    configuration = yaml.safe_load(after.configuration.read_text())
    old = yaml.safe_load(before.configuration.read_text())
    configuration["users"] = old["users"]
    mixed = after.configuration.with_name("mixed")
    mixed.write_text(yaml.safe_dump(configuration))
    done = Kubectl(mixed).run("get", "nodes")
    assert done.returncode != 0
    assert re.search(r"[Uu]nauthorized|must be logged in|provide credentials", done.stderr), done.stderr
    etcd = ("https://127.0.0.1:2379/health", "--cacert", f"{CERTIFICATES}/etcd-ca.crt")
    for folder, accepted in ((CERTIFICATES, True), ("/root/old", False)):
        own = ("--cert", f"{folder}/apiserver-etcd.crt", "--key", f"{folder}/apiserver-etcd.key")
        answered = run_inside(master, "curl", "--silent", "--fail", "--max-time", "10", *etcd, *own)
        assert (answered.returncode == 0) == accepted


def test_credentials_are_replaced_under_the_same_authorities(service, cluster, master, worker, tmp_path):
    kubectl = kubectl_of_now(service, tmp_path)
    before, ca = everywhere(master, worker), service.openstack("coe", "ca", "show", NAME)
    # The command has no verb for it.
    url, headers = f"{service.url}/credentials/{cluster['uuid']}", {"OpenStack-API-Version": "container-infra latest"}
    answer = urllib3.request("PATCH", url, headers=service.login() | headers, timeout=30, retries=False)
    assert answer.status == 202, answer.data
    service.until(NAME, "UPDATE_COMPLETE", seconds=ROTATION)
    after = everywhere(master, worker)
    same = {name.split()[1] for name in after if after[name] == before[name]}
    assert same == {"ca.crt", "etcd-ca.crt", "front-proxy-ca.crt"}
    assert service.openstack("coe", "ca", "show", NAME) == ca
    assert all(kubectl.nodes().values())


def test_it_is_deleted_with_all_that_it_had(service, cluster):
    service.openstack("coe", "cluster", "delete", NAME)
    service.until_gone(NAME, seconds=120)
    assert service.machine_folders(cluster["uuid"]) == []
