"""The health of a Kubernetes cluster, as `health_status` and `health_status_reason` show it.

Pure. Who asks the cluster, how often, and how old an answer may be are the caller's.
"""

from collections.abc import Iterable

from magnum.coe.kubernetes_values import KubernetesNode, Readiness
from magnum.model.health import OK, Health, judge_nodes


def judge(readiness: Readiness, nodes: Iterable[KubernetesNode], members: Iterable[str] = ()) -> Health:
    """Judge a cluster that answers: it is healthy when its API is ready and so is every node.

    `members` are nodes that it should have: one that is not among its nodes is not ready.
    """
    ready = dict.fromkeys(members, False) | {node.name: node.ready for node in nodes}
    return judge_nodes(ready, OK if readiness.ready else "; ".join(readiness.failed) or "not ready")
