import json
import urllib.parse

import pytest
from fake_api import refusal

from magnum.coe.kubernetes import OURS, KubernetesClient
from magnum.coe.kubernetes_calls import (
    MOST_PAGES,
    PAGE,
    KubernetesError,
    KubernetesRefused,
)
from magnum.coe.kubernetes_values import (
    ClusterVersion,
    Eviction,
    EvictionResult,
    Readiness,
    Taint,
    Waiting,
)

OLD, NEW = ClusterVersion(1, 20, "v1.20.2"), ClusterVersion(1, 30, "v1.30.0")
NODE = "/api/v1/nodes/worker-0"
EVICTION = "POST /api/v1/namespaces/shop/pods/web-1/eviction"


def node(name="worker-0", *, status="True", **changes):
    """What an API server says of a node, shortened."""
    condition = {"type": "Ready", "status": status, "reason": "KubeletReady", "message": "kubelet is posting"}
    metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": "7", "creationTimestamp": "2026-11-20T12:00:00Z"}
    return {
        "metadata": {**metadata, **changes.pop("metadata", {})},
        "spec": {"podCIDR": "10.100.1.0/24", **changes},
        "status": {
            "conditions": [{"type": "MemoryPressure", "status": "False"}, condition],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.5"}, {"type": "InternalIP", "address": "fd00::5"}],
            "nodeInfo": {
                "kubeletVersion": "v1.20.2",
                "containerRuntimeVersion": "containerd://1.6.20",
                "bootID": "626f6f74",
            },
        },
    }


def pod(name="web-1", *, owner="ReplicaSet", **changes):
    """What an API server says of a pod, shortened."""
    owners = [{"kind": owner, "name": "web", "controller": True}] if owner else []
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "ownerReferences": owners}
    return {
        "metadata": {**metadata, **changes.pop("metadata", {})},
        "spec": {"nodeName": "worker-0", **changes},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


@pytest.fixture
def client(engine, tls):
    return KubernetesClient(f"https://{engine.address}", tls, timeout=5)


@pytest.fixture
def web(engine, client):
    engine.answer("GET /api/v1/pods", 200, {"items": [pod()]})
    (web,) = client.pods()
    engine.asked.clear()
    return web


class TestReading:
    @pytest.mark.parametrize(("minor", "number"), [("20", 20), ("24+", 24), ("", 0)])
    def test_version(self, engine, client, minor, number):
        engine.answer("GET /version", 200, {"major": "1", "minor": minor, "gitVersion": "v1.x", "platform": "linux"})
        assert client.version() == ClusterVersion(1, number, "v1.x")

    def test_ready(self, engine, client):
        engine.answer("GET /readyz", 200, b"[+]ping ok\n[+]etcd ok\nreadyz check passed\n")
        assert client.readiness() == Readiness(ready=True)
        assert engine.asked[0][0] == "GET /readyz?verbose"

    def test_not_ready(self, engine, client):
        engine.answer("GET /readyz", 500, b"[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n")
        assert client.readiness() == Readiness(ready=False, failed=("etcd failed: reason withheld",))

    def test_a_refusal_is_no_readiness(self, engine, client):
        engine.answer("GET /readyz", 403, refusal("Forbidden", "not for you"))
        with pytest.raises(KubernetesRefused, match="not for you"):
            client.readiness()

    def test_a_node(self, engine, client):
        taints = [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]
        engine.answer(
            "GET /api/v1/nodes",
            200,
            {"items": [node(unschedulable=True, taints=taints, metadata={"labels": {"a": ""}})]},
        )
        (found,) = client.nodes()
        assert (found.name, found.uid, found.ready, found.reason) == ("worker-0", "uid-worker-0", True, "")
        assert (found.kubelet_version, found.container_runtime) == ("v1.20.2", "containerd://1.6.20")
        assert (found.internal_address, found.unschedulable, found.labels) == ("10.0.0.5", True, {"a": ""})
        assert found.taints == (Taint("dedicated", "NoSchedule", "gpu"),)
        assert found.created == 1795176000 * 1_000_000

    def test_why_a_node_is_not_ready(self, engine, client):
        engine.answer("GET /api/v1/nodes", 200, {"items": [node(status="False")]})
        (found,) = client.nodes()
        assert (found.ready, found.reason) == (False, "KubeletReady: kubelet is posting")

    def test_a_node_that_has_just_come(self, engine, client):
        engine.answer(f"GET {NODE}", 200, {"metadata": {"name": "worker-0"}, "spec": {}, "status": {}})
        found = client.node("worker-0")
        assert (found.ready, found.internal_address) == (False, "")
        assert "has not reported yet" in found.reason

    def test_no_such_node(self, engine, client):
        engine.answer(f"GET {NODE}", 404, refusal("NotFound", 'nodes "worker-0" not found'))
        assert client.node("worker-0") is None

    def test_pods_of_a_node(self, engine, client):
        mirror = pod("etcd", owner="Node", metadata={"annotations": {"kubernetes.io/config.mirror": "x"}})
        leaving = pod("old", owner=None, metadata={"deletionTimestamp": "2026-11-20T12:00:00Z"})
        storing = pod("cache", volumes=[{"name": "a", "secret": {}}, {"name": "b", "emptyDir": {}}], priority=9)
        engine.answer("GET /api/v1/pods", 200, {"items": [pod(), mirror, leaving, storing]})
        web, etcd, old, cache = client.pods("worker-0")
        assert (web.path, web.owner, web.node, web.ready, web.phase) == (
            "shop/web-1",
            "ReplicaSet",
            "worker-0",
            True,
            "Running",
        )
        assert (etcd.mirror, old.terminating, old.owner) == (True, True, "")
        assert (cache.keeps_local_data, cache.priority, web.keeps_local_data) == (True, 9, False)
        asked = urllib.parse.parse_qs(engine.asked[0][0].partition("?")[2])
        assert asked == {"fieldSelector": ["spec.nodeName=worker-0"], "limit": [str(PAGE)]}

    @pytest.mark.parametrize(
        ("status", "started"),
        [
            ({"phase": "Pending"}, False),
            ({"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}, "lastState": {}}]}, False),
            ({"containerStatuses": [{"state": {"waiting": {}}}, {"state": {"running": {"startedAt": "x"}}}]}, True),
            ({"containerStatuses": [{"state": {"waiting": {}}, "lastState": {"terminated": {"exitCode": 1}}}]}, True),
            ({"initContainerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}, True),
        ],
    )
    def test_whether_anything_of_a_pod_has_run(self, engine, client, status, started):
        engine.answer("GET /api/v1/pods", 200, {"items": [pod() | {"status": status}]})
        (found,) = client.pods()
        assert found.started is started

    def test_pods_by_their_labels_and_why_they_wait(self, engine, client):
        status = {
            "initContainerStatuses": [
                {"image": "r/a:1", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}}
            ],
            "containerStatuses": [{"image": "r/b:1", "state": {"waiting": {"reason": "PodInitializing"}}}],
        }
        engine.answer("GET /api/v1/namespaces/shop/pods", 200, {"items": [pod() | {"status": status}]})
        (found,) = client.pods_with("shop", {"tier": "web", "app": "shop"})
        assert found.waiting == (Waiting("r/a:1", "ErrImagePull", "no such host"),)
        assert found.waiting[0].lacks_image
        asked = urllib.parse.parse_qs(engine.asked[0][0].partition("?")[2])
        assert asked == {"labelSelector": ["app=shop,tier=web"], "limit": [str(PAGE)]}

    def test_what_was_reported_of_a_pod_as_failed(self, engine, client, web):
        told = {"items": [{"message": "Failed to pull\nimage"}, {"reason": "Failed"}]}
        engine.answer("GET /api/v1/namespaces/shop/events", 200, told)
        assert client.failures_of(web) == ("Failed to pull image", "")
        asked = urllib.parse.parse_qs(engine.asked[-1][0].partition("?")[2])
        assert asked["fieldSelector"] == [f"involvedObject.uid={web.uid},reason=Failed"]

    def test_a_list_of_several_pages(self, engine, client):
        first = {"items": [node("a")], "metadata": {"continue": "tok&en"}}
        engine.answer_each("GET /api/v1/nodes", (200, first), (200, {"items": [node("b")], "metadata": {}}))
        assert [found.name for found in client.nodes()] == ["a", "b"]
        assert urllib.parse.parse_qs(engine.asked[1][0].partition("?")[2])["continue"] == ["tok&en"]

    def test_a_list_without_an_end_is_given_up(self, engine, client):
        engine.answer("GET /api/v1/nodes", 200, {"items": None, "metadata": {"continue": "more"}})
        with pytest.raises(KubernetesError, match=f"more than {MOST_PAGES * PAGE} entries"):
            client.nodes()


class TestNodes:
    def test_cordon(self, engine, client):
        engine.answer(f"PATCH {NODE}", 200, {})
        client.cordon("worker-0")
        client.uncordon("worker-0")
        assert [body for _, body in engine.asked] == [
            {"spec": {"unschedulable": True}},
            {"spec": {"unschedulable": None}},
        ]
        assert set(engine.media_types) == {"application/merge-patch+json"}

    def test_a_note_is_put_on_a_node_and_removed(self, engine, client):
        engine.answer(f"PATCH {NODE}", 200, {})
        client.annotate("worker-0", {"turn": "now"})
        client.annotate("worker-0", {"turn": None})
        assert [body for _, body in engine.asked] == [
            {"metadata": {"annotations": {"turn": "now"}}},
            {"metadata": {"annotations": {"turn": None}}},
        ]

    def test_its_notes_and_its_machine(self, engine, client):
        engine.answer(f"GET {NODE}", 200, node(metadata={"annotations": {"turn": "now"}}))
        found = client.node("worker-0")
        assert (found.annotations, found.boot_id) == ({"turn": "now"}, "626f6f74")

    def test_the_network_of_its_pods(self, engine, client):
        engine.answer(f"PATCH {NODE}", 200, {})
        client.assign_pods_network("worker-0", "10.100.7.0/24")
        assert engine.asked[-1][1] == {"spec": {"podCIDR": "10.100.7.0/24", "podCIDRs": ["10.100.7.0/24"]}}
        engine.answer("GET /api/v1/nodes", 200, {"items": [node("a") | {"spec": {"podCIDR": "10.100.7.0/24"}}]})
        assert [found.pods_network for found in client.nodes()] == ["10.100.7.0/24"]

    def test_delete(self, engine, client):
        engine.answer(f"DELETE {NODE}", 200, {})
        client.delete_node("worker-0")
        engine.answer(f"DELETE {NODE}", 404, refusal("NotFound", "gone"))
        client.delete_node("worker-0")

    def test_a_name_stays_one_part_of_a_path(self, engine, client):
        engine.answer("GET /api/v1/nodes/a%2Fb%3Fc", 404)
        assert client.node("a/b?c") is None
        with pytest.raises(ValueError, match="no name"):
            client.node("..")


class TestMarkingNodes:
    def marked(self, engine, client, before, labels=None, taints=()):
        engine.answer(f"GET {NODE}", 200, before)
        engine.answer(f"PATCH {NODE}", 200, {})
        marked = client.is_marked("worker-0", labels or {}, taints)
        client.mark_node("worker-0", labels or {}, taints)
        assert marked == (engine.changes == [])
        return [body for _, body in engine.changes]

    def test_first_marks(self, engine, client):
        theirs = {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "timeAdded": "2026-11-20T12:00:00Z"}
        (patch,) = self.marked(
            engine, client, node(taints=[theirs]), {"pool": "a"}, [Taint("dedicated", "NoSchedule", "gpu")]
        )
        assert patch["metadata"]["labels"] == {"pool": "a"}
        assert patch["metadata"]["resourceVersion"] == "7"
        assert patch["spec"]["taints"] == [theirs, {"key": "dedicated", "effect": "NoSchedule", "value": "gpu"}]
        assert json.loads(patch["metadata"]["annotations"][OURS]) == {
            "labels": ["pool"],
            "taints": [["dedicated", "NoSchedule"]],
        }

    def test_what_was_ours_and_is_not_wanted_goes_and_all_else_stays(self, engine, client):
        ours = {"labels": ["pool", "tier"], "taints": [["dedicated", "NoSchedule"]]}
        metadata = {"annotations": {OURS: json.dumps(ours)}, "labels": {"pool": "a", "tier": "b", "theirs": "c"}}
        taints = [{"key": "dedicated", "effect": "NoSchedule"}, {"key": "theirs", "effect": "NoSchedule"}]
        (patch,) = self.marked(engine, client, node(metadata=metadata, taints=taints), {"tier": "b"})
        assert patch["metadata"]["labels"] == {"pool": None, "tier": "b"}
        assert patch["spec"]["taints"] == [{"key": "theirs", "effect": "NoSchedule"}]

    def test_the_same_again_changes_nothing(self, engine, client):
        (patch,) = self.marked(
            engine, client, node(), {"pool": "a"}, [Taint("b", "NoSchedule"), Taint("a", "NoExecute")]
        )
        metadata = {"labels": patch["metadata"]["labels"], "annotations": patch["metadata"]["annotations"]}
        engine.asked.clear()
        before = node(metadata=metadata, taints=list(reversed(patch["spec"]["taints"])))
        again = [Taint("a", "NoExecute"), Taint("b", "NoSchedule")]
        assert self.marked(engine, client, before, {"pool": "a"}, again) == []

    def test_an_annotation_that_somebody_has_spoilt_is_nothing(self, engine, client):
        (patch,) = self.marked(engine, client, node(metadata={"annotations": {OURS: '{"labels": 3}'}}), {"pool": "a"})
        assert patch["metadata"]["labels"] == {"pool": "a"}

    def test_a_node_that_changed_meanwhile_is_read_again(self, engine, client):
        engine.answer(f"GET {NODE}", 200, node())
        engine.answer_each(f"PATCH {NODE}", (409, refusal("Conflict", "the object has been modified")), (200, {}))
        client.mark_node("worker-0", {"pool": "a"}, ())
        assert len(engine.changes) == 2

    def test_a_node_that_changes_all_the_time(self, engine, client):
        engine.answer(f"GET {NODE}", 200, node())
        engine.answer(f"PATCH {NODE}", 409, refusal("Conflict", "the object has been modified"))
        with pytest.raises(KubernetesRefused, match="has been modified"):
            client.mark_node("worker-0", {"pool": "a"}, ())
        assert len(engine.changes) == 3


class TestEvicting:
    @pytest.mark.parametrize(("version", "spoken"), [(OLD, "policy/v1beta1"), (NEW, "policy/v1")])
    def test_a_pod_goes(self, engine, client, web, version, spoken):
        engine.answer(EVICTION, 201, {"kind": "Status", "status": "Success"})
        assert client.evict(web, version) == Eviction(EvictionResult.STARTED)
        ((_, body),) = engine.asked
        assert (body["apiVersion"], body["kind"]) == (spoken, "Eviction")
        assert body["deleteOptions"] == {"preconditions": {"uid": "uid-web-1"}}

    def test_a_budget_is_in_the_way(self, engine, client, web):
        sentence = "The disruption budget web needs 2 healthy pods and has 2 currently"
        causes = [{"reason": "DisruptionBudget", "message": sentence}]
        engine.answer(EVICTION, 429, refusal("TooManyRequests", "Cannot evict pod", causes=causes))
        assert client.evict(web, OLD) == Eviction(EvictionResult.BLOCKED, "web", sentence)

    def test_an_api_server_that_is_busy_is_no_budget(self, engine, client, web):
        engine.answer(EVICTION, 429, refusal("TooManyRequests", "please try again later"))
        with pytest.raises(KubernetesRefused, match="try again later") as refused:
            client.evict(web, OLD)
        assert (refused.value.status, refused.value.reason) == (429, "TooManyRequests")

    def test_it_has_gone(self, engine, client, web):
        engine.answer(EVICTION, 404, refusal("NotFound", "no such pod"))
        assert client.evict(web, OLD).result is EvictionResult.GONE

    def test_another_has_its_name(self, engine, client, web):
        engine.answer(EVICTION, 409, refusal("Conflict", "UID in precondition: uid-web-1, UID in object meta: uid-9"))
        assert client.evict(web, OLD).result is EvictionResult.GONE
