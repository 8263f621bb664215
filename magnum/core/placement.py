"""Labels and taints of nodes: what may be put on the nodes of a group, for a scheduler to place work by.

The rules are those that a kubelet and its API enforce on what a node may say of itself. Whether a driver can put them
on nodes at all is asked elsewhere (`core.nodegroups`).
"""

from collections.abc import Mapping, Sequence

from .errors import Conflict

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_MEMBERS = frozenset({"key", "value", "effect"})
_RESERVED = ("kubernetes.io", "k8s.io")
_OPEN = frozenset({"kubelet.kubernetes.io", "node.kubernetes.io"})
_OPEN_KEYS = frozenset(
    {
        *("beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type", "beta.kubernetes.io/os"),
        *("failure-domain.beta.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone"),
        *("kubernetes.io/arch", "kubernetes.io/hostname", "kubernetes.io/os"),
        *("node.kubernetes.io/instance-type", "node.kubernetes.io/windows-build"),
        *("topology.kubernetes.io/region", "topology.kubernetes.io/zone"),
    }
)


def check_node_labels(labels: Mapping[str, str]) -> None:
    for key in labels:
        namespace = key.rpartition("/")[0]
        reserved = any(namespace == domain or namespace.endswith(f".{domain}") for domain in _RESERVED)
        if reserved and namespace not in _OPEN and key not in _OPEN_KEYS:
            raise Conflict(
                f"node_labels must not be in a reserved namespace. {key} is in {namespace}; use one of your own."
            )


def check_node_taints(taints: Sequence[Mapping[str, str]]) -> None:
    for taint in taints:
        for name in sorted(taint.keys() - _MEMBERS):
            raise Conflict(
                f"node_taints: a taint has no member {name[:64]}. It has key, effect and, if need be, value."
            )
        if not taint.get("key"):
            raise Conflict("node_taints: each taint needs a key.")
        if taint.get("effect") not in EFFECTS:
            raise Conflict(f"node_taints: the effect of {taint['key'][:64]} must be one of {', '.join(EFFECTS)}.")
