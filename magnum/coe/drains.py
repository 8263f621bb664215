"""Emptying nodes: which pods go and in which order, which stay, which are in the way, and which node goes first.

Pure: it reads what the cluster's API said and decides. Asking the pods to go, waiting for them and giving up are the
caller's; a PodDisruptionBudget speaks when a pod is asked, so nothing here guesses at it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from magnum.coe.kubernetes_values import KubernetesNode, KubernetesPod


class DrainPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with the pods of a node; it is empty when `evict` and `leaving` are.

    `evict` is in order. `leaving` are on their way out already and still run: one that never started has nothing to
    end, and where an image cannot be pulled it takes minutes to go, so nobody waits for it. `unmanaged` are those of
    `evict` that nobody will make anew elsewhere, and `losing_data` those whose local data goes with them: the owner
    should hear of both.
    """

    evict: tuple[KubernetesPod, ...]
    leaving: tuple[KubernetesPod, ...]
    ignored: tuple[KubernetesPod, ...]
    unmanaged: tuple[KubernetesPod, ...]
    losing_data: tuple[KubernetesPod, ...]

    @property
    def done(self) -> bool:
        return not self.evict and not self.leaving


def plan_drain(pods: Iterable[KubernetesPod]) -> DrainPlan:
    """Plan for the pods of one node. The less important go first, so that what they need is there while they end."""
    pods = sorted(pods, key=lambda pod: (pod.namespace == "kube-system", pod.priority, pod.namespace, pod.name))
    going = [pod for pod in pods if not pod.stays_with_its_node]
    evict = [pod for pod in going if not pod.terminating]
    running = [pod for pod in evict if not pod.finished]
    return DrainPlan(
        evict=tuple(evict),
        leaving=tuple(pod for pod in going if pod.terminating and pod.started),
        ignored=tuple(pod for pod in pods if pod.stays_with_its_node or (pod.terminating and not pod.started)),
        unmanaged=tuple(pod for pod in running if not pod.owner),
        losing_data=tuple(pod for pod in running if pod.keeps_local_data),
    )


def busy(pods: Iterable[KubernetesPod]) -> Mapping[str, int]:
    """Count, by node, the pods that would have to move if the node went."""
    return Counter(pod.node for pod in pods if pod.node and not pod.stays_with_its_node and not pod.finished)


def removal_order(
    names: Sequence[str], nodes: Iterable[KubernetesNode], pods: Iterable[KubernetesPod]
) -> tuple[str, ...]:
    """Order nodes, all by name, as they should go when there are to be fewer.

    First those that the cluster does not know, then those that are not ready, then by the pods that would have to move,
    the fewest first; among equals the youngest.
    """
    known = {node.name: node for node in nodes}
    count = busy(pods)

    def place(name: str) -> tuple[int, int, int, str]:
        node = known.get(name)
        if node is None:
            return (0, 0, 0, name)
        return (2 if node.ready else 1, count.get(name, 0), -node.created, name)

    return tuple(sorted(names, key=place))
