"""A real cluster of Kubernetes as its users see it."""

import re

import pytest
from workloads import NAME, SECONDS, ask_until, deployment, give_image, placed

pytestmark = pytest.mark.root


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


def test_logs_are_read_through_the_api(kubectl):
    assert kubectl("logs", "--selector", "app=web").split() == ["serving", "serving"]
