import msgspec
import pytest

from magnum.coe.kubernetes_health import judge
from magnum.coe.kubernetes_values import Readiness, WireNode
from magnum.model.health import Health, out_of_reach, silent

READY, NOT_READY = Readiness(ready=True), Readiness(ready=False, failed=("etcd failed", "hooks failed"))


def node(name: str, status: str):
    said = {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": status}]}}
    return msgspec.convert(said, WireNode).shown()


@pytest.mark.parametrize(
    ("readiness", "nodes", "health"),
    [
        (READY, {}, Health("HEALTHY", {"api": "ok"})),
        (READY, {"a": "True", "b": "True"}, Health("HEALTHY", {"api": "ok", "a.Ready": "True", "b.Ready": "True"})),
        (
            READY,
            {"a": "True", "b": "Unknown"},
            Health("UNHEALTHY", {"api": "ok", "a.Ready": "True", "b.Ready": "False"}),
        ),
        (NOT_READY, {"a": "True"}, Health("UNHEALTHY", {"api": "etcd failed; hooks failed", "a.Ready": "True"})),
        (Readiness(ready=False), {}, Health("UNHEALTHY", {"api": "not ready"})),
    ],
)
def test_health(readiness, nodes, health):
    assert judge(readiness, [node(*said) for said in nodes.items()]) == health


def test_a_cluster_that_does_not_answer():
    assert silent("10.0.0.5:6443 did not answer") == Health("UNHEALTHY", {"api": "10.0.0.5:6443 did not answer"})
    assert out_of_reach("web") == Health("UNKNOWN", {"api": "The cluster web is not accessible."})
