import contextlib
from types import SimpleNamespace

import pytest
from addon_facts import cluster_facts
from fake_api import FakeApi
from pods import pending

from magnum.addons.rendering import wanted
from magnum.coe.kubernetes_calls import KubernetesUnreachable
from magnum.coe.kubernetes_values import ObjectName, Waiting
from magnum.drivers.addons import AddonSteps
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.operations import CreateCluster, Operation, OperationState
from magnum.model.outcomes import Done, Wait


class Context:
    def __init__(self):
        self.events = []
        self.guarded = []
        self.now = 1
        self.clock = SimpleNamespace(now=lambda: self.now)
        self.operation = Operation(
            uuid="operation",
            cluster_uuid="cluster",
            arguments=CreateCluster(),
            state=OperationState.ACTIVE,
            next_attempt=0,
            created_at=0,
            step_started_at=1,
        )
        self.labels = {"metrics_server_enabled": "no"}
        self.network_driver = "bridge"

    def event(self, text, level="info"):
        self.events.append((str(level), text))

    @contextlib.contextmanager
    def provider_call(self, what, *, timeout):
        self.guarded.append((what, timeout))
        yield

    @property
    def facts(self):
        return cluster_facts(20, self.network_driver, **self.labels)


@pytest.fixture
def context():
    return Context()


@pytest.fixture
def api():
    return FakeApi()


@pytest.fixture
def steps(api):
    return AddonSteps(
        lambda _: api,
        lambda context: context.facts,
        call_timeout=8.0,
        patience=30.0,
        network_patience=60.0,
        no_image="Bring it.",
    )


def test_each_change_is_guarded_and_told(steps, api, context):
    assert steps.bring(context) == Done()
    assert len(context.guarded) == len(api.changes)
    assert {timeout for _, timeout in context.guarded} == {16.0}
    assert [what for what, _ in context.guarded[:2]] == [
        "note that CoreDNS comes",
        "apply ServiceAccount kube-system/coredns",
    ]
    assert context.events == [("info", "CoreDNS was applied.")]


def test_what_is_there_is_looked_at_only(steps, api, context):
    steps.bring(context)
    api.changes.clear()
    context.events.clear()
    assert steps.bring(context) == Done()
    assert (api.changes, context.events) == ([], [])


def test_what_is_switched_off_goes(steps, api, context):
    context.labels = {}
    steps.bring(context)
    context.labels = {"metrics_server_enabled": "no"}
    steps.bring(context)
    assert context.events[-1] == ("info", "metrics-server was removed.")
    assert not any(name.name == "metrics-server" for name in api.objects)


def test_it_waits_for_what_comes_up(steps, api, context):
    steps.bring(context)
    context.events.clear()
    assert isinstance(steps.tell(context), Wait)
    for manifest in wanted(context.facts)[0].objects:
        if manifest["kind"] == "Deployment":
            status = {"replicas": 1, "availableReplicas": 1}
            api.objects[ObjectName.of(manifest)] = {**manifest, "status": status}
    assert steps.tell(context) == Done()
    assert context.events == [("info", "CoreDNS is running.")]


def test_what_does_not_come_up_is_told_and_fails_nothing(steps, context):
    steps.bring(context)
    context.events.clear()
    context.now += 30_000_000
    assert steps.tell(context) == Done()
    ((level, text),) = context.events
    assert level == "warning"
    assert text.startswith("CoreDNS is not running yet: Deployment kube-system/coredns has 0 of 1 pods")


def test_a_label_of_an_adopted_row_that_cannot_be(steps, context):
    context.labels = {"coredns_tag": "a b"}
    with pytest.raises(Fatal, match="The label coredns_tag must be the tag of an image"):
        steps.bring(context)


def test_an_api_that_is_silent_is_asked_again(api, steps, context, monkeypatch):
    def silent(_):
        raise KubernetesUnreachable("nobody answers")

    monkeypatch.setattr(api, "get", silent)
    with pytest.raises(Retry, match="While bringing add-ons: nobody answers") as raised:
        steps.bring(context)
    assert raised.value.code is Code.COE_UNREACHABLE


def stuck(name, reason):
    """Give a pod that waits for such a reason."""
    return pending(name, waiting=(Waiting("r/image:1", reason, "it said no"),))


def test_what_keeps_an_addon_is_told(steps, api, context):
    api.pods["kube-dns"] = stuck("coredns-1", "ErrImagePull")
    context.now += 30_000_000
    assert steps.tell(context) == Done()
    ((level, text),) = context.events
    assert level == "warning"
    assert text.endswith("kube-system/coredns-1 on w-1 cannot get its image r/image:1: it said no.")


class TestNetwork:
    @pytest.fixture(autouse=True)
    def flannel(self, context):
        context.network_driver = "flannel"

    @pytest.fixture
    def ready(self, steps):
        return steps.networked(lambda _: Wait(0.5, "not Ready yet: w-1"))

    def test_it_alone_is_applied_and_nothing_else_goes(self, steps, api, context):
        steps.bring(context)
        api.changes.clear()
        context.labels = {"metrics_server_enabled": "no", "flannel_backend": "host-gw"}
        context.events.clear()
        assert steps.bring_network(context) == Done()
        assert context.events == [("info", "flannel was applied.")]
        assert not [change for change in api.changes if change[0] == "delete"]
        assert ObjectName("apps/v1", "Deployment", "coredns", "kube-system") in api.objects

    def test_with_bridge_there_is_none(self, steps, api, context, ready):
        context.network_driver = "bridge"
        assert steps.bring_network(context) == Done()
        assert api.changes == []
        assert ready(context) == Wait(0.5, "not Ready yet: w-1")

    def test_nodes_that_are_ready_are_not_looked_at(self, steps, context):
        assert steps.networked(lambda _: Done())(context) == Done()

    def test_a_network_that_comes_is_waited_for(self, context, ready):
        context.now += 3600_000_000
        assert ready(context) == Wait(1.0, "not Ready yet: w-1")

    def test_what_keeps_it_is_told_at_once(self, api, context, ready):
        api.pods["flannel"] = stuck("flannel-1", "ErrImagePull")
        told = ready(context)
        assert isinstance(told, Wait)
        assert told.reason == (
            "not Ready yet: w-1; flannel: kube-system/flannel-1 on w-1 cannot get its image r/image:1: it said no"
        )

    def test_an_image_that_cannot_be_had_ends_the_wait(self, api, context, ready):
        api.pods["flannel"] = stuck("flannel-1", "ImagePullBackOff")
        context.now += 60_000_000
        with pytest.raises(Fatal, match=r"flannel-1 on w-1 cannot get its image r/image:1: it said no\. Bring it\.$"):
            ready(context)

    def test_one_that_breaks_down_may_still_come_up(self, api, context, ready):
        api.pods["flannel"] = stuck("flannel-1", "CrashLoopBackOff")
        context.now += 60_000_000
        assert isinstance(ready(context), Wait)

    def test_a_retry_asks_for_the_image_at_once(self, steps, api, context):
        api.pods["flannel"] = stuck("flannel-1", "ImagePullBackOff")
        steps.bring_network(context)
        assert api.changes[-1] == ("delete", "Pod kube-system/flannel-1")
        api.changes.clear()
        api.pods["flannel"] = stuck("flannel-1", "CrashLoopBackOff")
        steps.bring_network(context)
        assert api.changes == []
