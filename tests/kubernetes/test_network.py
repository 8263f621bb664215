"""The network flannel on real machines, whose images come from a registry without TLS that is there too late.

flannel itself cannot be had on every machine on which this is run, so its two images are the lab's stand-ins: shell
scripts that do what flannel does with the backend host-gw, by the same account, with the same mounts and flags.

The tests of this module share one cluster and are run in order.
"""

import json
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

import pytest
from programs import Kubectl, Standalone, inside
from registry import Registry

from lab.container_images import stand_in
from magnum.drivers.local.names import HostNames
from magnum.drivers.local.networks import Network

pytestmark = pytest.mark.root
NAME = "webbed"
SECONDS = 240
"""For what takes some seconds on a machine that has nothing else to do."""
POOL = IPv4Network("10.97.41.0/24")
ADDRESS = POOL[250]
REGISTRY = f"{ADDRESS}:5000"


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Standalone]:
    options = f"network_pool = {POOL}\n[kubernetes]\nnetwork_patience = 5\n"
    with Standalone(tmp_path_factory.mktemp("network") / "var", options) as service:
        yield service


@pytest.fixture(scope="module")
def failed(service) -> dict:
    """Give a cluster of a template that says nothing of a network driver, which has failed."""
    kind = ("--coe", "kubernetes", "--image", "debian-12", "--external-network", "public")
    labels = f"container_infra_prefix={REGISTRY}/,flannel_network_subnetlen=25,metrics_server_enabled=false"
    labels += ",admission_control_list=PodSecurityPolicy"  # which lets in nobody's pods who has no policy
    own = ("--insecure-registry", REGISTRY, "--labels", labels, "--master-flavor", "m1.medium", "--flavor", "m1.small")
    service.openstack("coe", "cluster", "template", "create", "webbed", *kind, *own)
    service.openstack("coe", "cluster", "create", NAME, "--cluster-template", "webbed", "--node-count", "1")
    return service.until(NAME, "CREATE_FAILED", seconds=SECONDS)


@pytest.fixture(scope="module")
def registry(service, failed, tmp_path_factory) -> Iterator[Registry]:
    names = HostNames(service.state.path.absolute() / "machines").machine(failed["uuid"], "registry")
    folder = tmp_path_factory.mktemp("registry")
    with Registry(names, Network.of(failed["uuid"], POOL), IPv4Address(ADDRESS), folder) as registry:
        registry.push("flannel", "v0.22.3", {"opt/bin/flanneld": stand_in("flanneld")})
        registry.push("flannel-cni-plugin", "v1.2.0", {"flannel": stand_in("flannel")})
        registry.push("box", "1", {})
        yield registry


@pytest.fixture(scope="module")
def cluster(service, failed, registry) -> dict:
    assert failed["status"] == "CREATE_FAILED"
    assert registry.process.poll() is None
    service.openstack("coe", "cluster", "retry", NAME)
    return service.until(NAME, "CREATE_COMPLETE", seconds=SECONDS)


@pytest.fixture(scope="module")
def kubectl(service, cluster, tmp_path_factory) -> Kubectl:
    assert cluster["status"] == "CREATE_COMPLETE"
    return Kubectl.configured(service.openstack, NAME, tmp_path_factory.mktemp("config"))


def test_a_network_that_cannot_be_pulled_fails_soon_and_says_what_the_registry_said(failed):
    reason = failed["status_reason"]
    for words in ("flannel", "kube-system/flannel-", f"{REGISTRY}/flannel-cni-plugin:v1.2.0", "connect", "bridge"):
        assert words in reason, reason


def test_when_the_registry_is_there_a_retry_completes_the_cluster(cluster, kubectl):
    nodes = kubectl.get("nodes")["items"]
    assert len(nodes) == 2
    assert all(kubectl.nodes().values())
    parts = [IPv4Network(node["spec"]["podCIDR"]) for node in nodes]
    assert all(part.prefixlen == 25 and part.subnet_of(IPv4Network("10.100.0.0/16")) for part in parts)
    assert not parts[0].overlaps(parts[1])


def test_an_addon_whose_image_is_nowhere_is_told_with_what_the_registry_said(service, cluster):
    """CoreDNS is in no registry here."""
    told = service.openstack("coe", "cluster", "event", "list", NAME)
    assert cluster["status"] == "CREATE_COMPLETE"
    assert f"cannot get its image {REGISTRY}/coredns:1.7.0: " in told


def test_pods_on_different_nodes_reach_each_other(service, cluster, kubectl):
    names = sorted(kubectl.nodes())
    for name in names:
        kubectl("apply", "--filename", "-", stdin=json.dumps(pod(f"on-{name}", name)))
    kubectl("wait", "--for=condition=Ready", "pods", "--all", "--timeout=90s")
    pods = {one["metadata"]["name"]: one["status"]["podIP"] for one in kubectl.get("pods")["items"]}
    assert len(pods) == len(names) == 2
    for asking in pods:
        for asked, address in pods.items():
            ask = ("wget", "-q", "-O", "-", f"http://{address}:8080/")
            assert until(lambda: kubectl.run("exec", asking, "--", *ask).stdout.strip() == asked), (asking, asked)  # noqa: B023
    machines = [path.name for path in service.machine_folders(cluster["uuid"])]
    for machine in machines:
        for asked, address in pods.items():
            assert inside(machine, "curl", "--silent", "--max-time", "9", f"http://{address}:8080/").strip() == asked


def pod(name: str, node: str) -> dict:
    serve = "mkdir /www; hostname >/www/index.html; exec httpd -f -p 8080 -h /www"
    container = {"name": "box", "image": f"{REGISTRY}/box:1", "command": ["sh", "-c", serve]}
    container["readinessProbe"] = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"nodeName": node, "containers": [container], "terminationGracePeriodSeconds": 1},
    }


def until(is_so) -> bool:
    deadline = time.monotonic() + SECONDS
    while not (found := is_so()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def test_nothing_of_it_is_left(service, cluster):
    service.openstack("coe", "cluster", "delete", NAME)
    service.until_gone(NAME, seconds=SECONDS)
    assert service.machine_folders(cluster["uuid"]) == []
