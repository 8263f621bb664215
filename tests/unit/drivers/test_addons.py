import contextlib
from types import SimpleNamespace

import pytest
from addon_facts import cluster_facts
from fake_api import FakeApi

from magnum.addons.rendering import wanted
from magnum.coe.kubernetes_calls import KubernetesUnreachable
from magnum.coe.kubernetes_values import ObjectName
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

    def event(self, text, level="info"):
        self.events.append((str(level), text))

    @contextlib.contextmanager
    def provider_call(self, what, *, timeout):
        self.guarded.append((what, timeout))
        yield

    @property
    def facts(self):
        return cluster_facts(20, "bridge", **self.labels)


@pytest.fixture
def context():
    return Context()


@pytest.fixture
def api():
    return FakeApi()


@pytest.fixture
def steps(api):
    return AddonSteps(lambda _: api, lambda context: context.facts, call_timeout=8.0, patience=30.0)


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
