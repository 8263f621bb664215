import pytest
from addon_facts import cluster_facts
from fake_api import FakeApi
from msgspec.structs import replace

from magnum.addons.rendering import MARK, wanted
from magnum.coe.addons import RECORD, Rollout, calls, pending, restarts, rollout
from magnum.coe.kubernetes_calls import KubernetesRefused
from magnum.coe.kubernetes_values import ObjectName


@pytest.fixture
def cluster():
    return FakeApi()


def bring(cluster, addons):
    for change in pending(cluster, addons):
        for _, call in calls(cluster, change, addons):
            call()


def test_all_is_brought_in_order_and_then_nothing_more(cluster):
    addons = wanted(cluster_facts())
    assert [change.name for change in pending(cluster, addons)] == ["calico", "coredns", "metrics_server"]
    bring(cluster, addons)
    assert cluster.objects.keys() == {ObjectName.of(one) for addon in addons for one in addon.objects} | {RECORD}
    assert pending(cluster, addons) == []


def test_what_was_interrupted_and_is_not_wanted_any_more_leaves_nothing(cluster):
    addons = wanted(cluster_facts())
    *_, last = pending(cluster, addons)
    _noted, applied, *_ = calls(cluster, last, addons)
    for _, call in (_noted, applied):
        call()
    assert len(cluster.objects) == 2
    bring(cluster, [])
    assert cluster.objects.keys() == {RECORD}


def test_an_object_in_a_newer_version_of_its_group_is_the_same_one(cluster):
    bring(cluster, wanted(cluster_facts(20, "bridge")))
    cluster.changes.clear()
    bring(cluster, wanted(cluster_facts(21, "bridge")))
    assert {what for what, _ in cluster.changes} == {"apply"}


def test_a_kind_that_the_cluster_does_not_know_any_more_is_gone(cluster, monkeypatch):
    bring(cluster, wanted(cluster_facts(20, "bridge")))
    known = cluster.get

    def get(name):
        if name.kind == "PodDisruptionBudget":
            raise KubernetesRefused(404, "NotFound", "it knows no PodDisruptionBudget of policy/v1beta1")
        return known(name)

    monkeypatch.setattr(cluster, "get", get)
    bring(cluster, [])
    assert "data" not in cluster.objects[RECORD] or not cluster.objects[RECORD]["data"]


def test_what_was_interrupted_goes_on(cluster):
    addons = wanted(cluster_facts())
    first = pending(cluster, addons)[0]
    *done, _noted = calls(cluster, first, addons)
    for _, call in done:
        call()
    assert [change.name for change in pending(cluster, addons)] == ["calico", "coredns", "metrics_server"]
    bring(cluster, addons)
    assert pending(cluster, addons) == []


def test_only_what_changed_is_brought_again(cluster):
    bring(cluster, wanted(cluster_facts()))
    (change,) = pending(cluster, wanted(cluster_facts(coredns_tag="1.9.9")))
    assert (change.name, change.title, change.obsolete) == ("coredns", "CoreDNS", ())


def test_what_is_not_wanted_any_more_goes_last_first(cluster):
    bring(cluster, wanted(cluster_facts()))
    cluster.changes.clear()
    addons = wanted(cluster_facts(metrics_server_enabled="no"))
    bring(cluster, addons)
    *gone, (what, record) = cluster.changes
    assert {what for what, _ in gone} == {"delete"}
    assert gone[0] == ("delete", "APIService v1beta1.metrics.k8s.io")
    assert (what, record) == ("apply", str(RECORD))
    assert cluster.objects.keys() == {ObjectName.of(one) for addon in addons for one in addon.objects} | {RECORD}
    assert pending(cluster, addons) == []


def test_an_object_that_a_newer_version_has_not_goes(cluster):
    (dns,) = wanted(cluster_facts(20, "bridge", metrics_server_enabled="no"))
    bring(cluster, [dns])
    fewer = replace(dns, objects=dns.objects[:-1])
    (change,) = pending(cluster, [fewer])
    assert change.obsolete == (ObjectName.of(dns.objects[-1]),)
    bring(cluster, [fewer])
    assert ObjectName.of(dns.objects[-1]) not in cluster.objects


def test_nothing_is_removed_that_is_not_ours(cluster):
    """Whoever writes into the record does not get us to remove others' work."""
    addons = wanted(cluster_facts(20, "bridge"))
    bring(cluster, addons)
    theirs = ObjectName("v1", "Secret", "theirs", "shop")
    cluster.objects[theirs] = {"metadata": {"name": "theirs", "labels": None}}
    record = cluster.objects[RECORD]["data"]
    record["evil"] = record["coredns"].replace("ServiceAccount", "Secret").replace("kube-system", "shop")
    record["evil"] = record["evil"].replace('"coredns"', '"theirs"')
    bring(cluster, addons)
    assert theirs in cluster.objects
    assert "evil" not in cluster.objects[RECORD]["data"]


ODD = '{"digest": "", "objects": [{"api_version": "v1", "kind": "Pod", "name": "..", "namespace": "x"}]}'


@pytest.mark.parametrize("data", [None, {"coredns": "{"}, {"coredns": "[]"}, "text", {"coredns": 3}, {"odd": ODD}])
def test_a_spoilt_record_has_all_brought_once_more(cluster, data):
    addons = wanted(cluster_facts())
    bring(cluster, addons)
    cluster.objects[RECORD] = {"data": data}
    assert len(pending(cluster, addons)) == 3
    bring(cluster, addons)
    assert pending(cluster, addons) == []
    assert cluster.objects[RECORD]["metadata"]["labels"] == MARK


class TestRollout:
    @pytest.fixture
    def dns(self):
        return wanted(cluster_facts(20, "bridge"))[0]

    def running(self, cluster, dns, **status):
        for one in dns.objects:
            if one["kind"] == "Deployment":
                usual = {"observedGeneration": 2, "replicas": 2, "availableReplicas": 2}
                cluster.objects[ObjectName.of(one)] = {"metadata": {"generation": 2}, "status": usual | status}
        return rollout(cluster, dns)

    def test_all_is_running(self, cluster, dns):
        assert self.running(cluster, dns) == Rollout(complete=True, text="CoreDNS is running.")

    def test_not_all_pods_are_there(self, cluster, dns):
        told = self.running(cluster, dns, availableReplicas=1)
        assert not told.complete
        assert "Deployment kube-system/coredns has 1 of 2 pods" in told.text

    @pytest.mark.parametrize("status", [{"observedGeneration": 1}, {"replicas": 0, "availableReplicas": 0}])
    def test_nobody_has_looked_yet(self, cluster, dns, status):
        assert not self.running(cluster, dns, **status).complete

    def test_it_is_not_there(self, cluster, dns):
        assert "Deployment kube-system/coredns is not there" in rollout(cluster, dns).text

    def test_a_daemon_set(self, cluster):
        (network, *_) = wanted(cluster_facts(20, "flannel"))
        (daemons,) = [ObjectName.of(one) for one in network.objects if one["kind"] == "DaemonSet"]
        cluster.objects[daemons] = {"status": {"desiredNumberScheduled": 3, "numberAvailable": 2}}
        assert rollout(cluster, network).text == (
            "flannel is not running yet: DaemonSet kube-system/flannel has 2 of 3 pods."
        )


def test_pods_are_made_anew_once_for_each_mark(cluster):
    addons = wanted(cluster_facts(20, "bridge"))
    assert list(restarts(cluster, addons, "one")) == []  # there are none
    bring(cluster, addons)
    names = [ObjectName.of(one) for addon in addons for one in addon.objects]
    workloads = [name for name in names if name.kind == "Deployment"]
    for mark, times in (("one", 1), ("one", 0), ("two", 1)):
        cluster.changes.clear()
        for _, call in restarts(cluster, addons, mark):
            call()
        workloads = [
            name for addon in addons for name in map(ObjectName.of, addon.objects) if name.kind == "Deployment"
        ]
        assert cluster.changes == [("apply", str(name)) for name in workloads] * times
    deployment = cluster.objects[workloads[0]]["spec"]["template"]["metadata"]["annotations"]
    assert deployment["magnum.openstack.org/restarted-by"] == "two"
    assert pending(cluster, addons) == []


@pytest.mark.parametrize("template", [None, 7, {"metadata": None}, {"metadata": {"annotations": []}}])
def test_what_pods_are_made_from_may_have_been_spoiled(cluster, template):
    addons = wanted(cluster_facts(20, "bridge"))
    bring(cluster, addons)
    for name, found in list(cluster.objects.items()):
        if name.kind == "Deployment":
            cluster.objects[name] = found | {"spec": {"template": template}}
    assert len(list(restarts(cluster, addons, "one"))) > 0
