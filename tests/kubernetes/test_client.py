"""The client of a cluster's API, on a real API server. Nodes and pods are rows there: nobody runs them."""

import pytest

from magnum.coe.kubernetes import KubernetesClient
from magnum.coe.kubernetes_calls import Calls, KubernetesError, KubernetesRefused, MediaType
from magnum.coe.kubernetes_values import EvictionResult, ObjectName, Readiness, Taint


def make_node(client: KubernetesClient, name: str) -> None:
    manifest = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    conditions = [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "yes"}]
    client.apply(manifest)
    put_status(client, f"/api/v1/nodes/{name}", {"conditions": conditions, "nodeInfo": {"kubeletVersion": "v1.20.2"}})


def make_pod(client: KubernetesClient, name: str, node: str, **spec: object) -> None:
    containers = [{"name": "web", "image": "web"}]
    metadata = {"name": name, "namespace": "default", "labels": {"app": name}}
    client.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"nodeName": node, "containers": containers, **spec},
        }
    )
    running = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    put_status(client, f"/api/v1/namespaces/default/pods/{name}", running)


def put_status(client: KubernetesClient, path: str, status: dict[str, object]) -> None:
    """Be the kubelet that there is not."""
    calls: Calls = client._calls()
    calls.call("PATCH", f"{path}/status", {"status": status}, MediaType.MERGE_PATCH)


def test_what_it_is(client):
    version = client.version()
    assert (version.major, version.minor, version.text) == (1, 20, "v1.20.2")
    assert client.readiness() == Readiness(ready=True)


def test_what_people_are_to_read_is_written_without_harm(client):
    """As curl gets it. A build with maps of another Go than its own breaks off here."""
    calls: Calls = client._calls()
    for path in ("/api/v1/namespaces", "/apis/apiregistration.k8s.io/v1/apiservices"):
        assert b'\n  "items": [' in calls.call("GET", f"{path}?pretty=true")
    assert client.readiness() == Readiness(ready=True)


def test_a_node_is_cordoned_marked_and_removed(client):
    make_node(client, "worker-0")
    node = client.node("worker-0")
    assert (node.name, node.ready, node.kubelet_version, node.unschedulable) == ("worker-0", True, "v1.20.2", False)
    client.cordon("worker-0")
    assert client.node("worker-0").unschedulable
    client.uncordon("worker-0")
    assert not client.node("worker-0").unschedulable
    client.mark_node("worker-0", {"pool": "a", "tier": "b"}, [Taint("dedicated", "NoSchedule", "gpu")])
    marked = client.node("worker-0")
    assert marked.labels.items() >= {"pool": "a", "tier": "b"}.items()
    assert Taint("dedicated", "NoSchedule", "gpu") in marked.taints
    client.mark_node("worker-0", {"tier": "b"}, [])
    client.mark_node("worker-0", {"tier": "b"}, [])
    after = client.node("worker-0")
    assert ("pool" in after.labels, after.labels["tier"]) == (False, "b")
    assert set(after.taints) == set(marked.taints) - {Taint("dedicated", "NoSchedule", "gpu")}
    client.delete_node("worker-0")
    client.delete_node("worker-0")
    assert client.node("worker-0") is None


def test_a_budget_protects_a_pod_and_another_goes(client):
    make_pod(client, "web", "worker-1", volumes=[{"name": "scratch", "emptyDir": {}}])
    make_pod(client, "job", "worker-1")
    budget = {
        "apiVersion": "policy/v1beta1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web-budget", "namespace": "default"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    client.apply(budget)
    job, web = sorted(client.pods("worker-1"), key=lambda pod: pod.name)
    assert (web.node, web.owner, web.ready, web.keeps_local_data, job.keeps_local_data) == (
        "worker-1",
        "",
        True,
        True,
        False,
    )
    blocked = client.evict(web, client.version())
    assert (blocked.result, blocked.budget) == (EvictionResult.BLOCKED, "web-budget")
    assert client.evict(job, client.version()).result is EvictionResult.STARTED
    (leaving,) = [pod for pod in client.pods("worker-1") if pod.name == "job"]
    assert leaving.terminating
    client.delete(ObjectName("v1", "Pod", "job", "default"), grace_seconds=0)
    assert client.evict(job, client.version()).result is EvictionResult.GONE
    make_pod(client, "job", "worker-1")
    assert client.evict(job, client.version()).result is EvictionResult.GONE, "it has another uid"


def test_an_object_is_applied_looked_at_and_removed(client):
    name = ObjectName("v1", "ConfigMap", "a", "default")
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "default"},
        "data": {"one": "1", "two": "2"},
    }
    client.apply(manifest, dry_run=True)
    assert client.get(name) is None
    client.apply(manifest)
    client.apply({**manifest, "data": {"one": "3"}})
    assert client.get(name)["data"] == {"one": "3"}
    client.delete(name)
    client.delete(name)
    assert client.get(name) is None


def test_what_is_wrong_is_refused_in_its_own_words(client):
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "default"}, "spec": {"x": 1}}
    with pytest.raises(KubernetesRefused, match="x: field not declared in schema"):
        client.apply(wrong, dry_run=True)
    with pytest.raises(KubernetesRefused, match="knows no Thing"):
        client.apply({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}})
    with pytest.raises(KubernetesError, match="needs a namespace"):
        client.get(ObjectName("v1", "ConfigMap", "a"))


def test_a_long_list_comes_by_the_page(client, monkeypatch):
    monkeypatch.setattr("magnum.coe.kubernetes_calls.PAGE", 2)
    for number in range(5):
        make_node(client, f"page-{number}")
    assert [node.name for node in client.nodes() if node.name.startswith("page")] == [f"page-{n}" for n in range(5)]
