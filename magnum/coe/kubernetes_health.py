"""The health of a Kubernetes cluster, as `health_status` and `health_status_reason` show it.

Pure. Who asks the cluster, how often, and how old an answer may be are the caller's.
"""

from collections.abc import Iterable

import msgspec

from magnum.coe.kubernetes_values import KubernetesNode, Readiness
from magnum.model.statuses import HealthStatus


class Health(msgspec.Struct, frozen=True):
    status: HealthStatus
    reason: dict[str, str]


def judge(readiness: Readiness, nodes: Iterable[KubernetesNode]) -> Health:
    """Judge a cluster that answers: it is healthy when its API is ready and so is every node."""
    ready = {f"{node.name}.Ready": str(node.ready) for node in nodes}
    api = "ok" if readiness.ready else "; ".join(readiness.failed) or "not ready"
    healthy = readiness.ready and set(ready.values()) <= {"True"}
    return Health(HealthStatus.HEALTHY if healthy else HealthStatus.UNHEALTHY, {**ready, "api": api})


def silent(text: str) -> Health:
    """Judge a cluster that should answer and did not, or refused: `text` says how."""
    return Health(HealthStatus.UNHEALTHY, {"api": text})


def out_of_reach(cluster_name: str) -> Health:
    """Judge a cluster whose API cannot be reached from here by design; clients know this sentence."""
    return Health(HealthStatus.UNKNOWN, {"api": f"The cluster {cluster_name} is not accessible."})
