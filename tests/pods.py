"""A pod of a cluster, as its API tells of it; a test says what is special about its own."""

import msgspec

from magnum.coe.kubernetes_values import KubernetesPod

_POD = KubernetesPod(
    namespace="default",
    name="",
    uid="",
    node="w-1",
    owner="ReplicaSet",
    phase="Running",
    ready=True,
    terminating=False,
    mirror=False,
    started=True,
    keeps_local_data=False,
    priority=0,
)


def pod(name: str, node: str = "w-1", **changes: object) -> KubernetesPod:
    """Give one that runs; its UID is its name."""
    return msgspec.structs.replace(_POD, **{"name": name, "uid": name, "node": node} | changes)


def pending(name: str, **changes: object) -> KubernetesPod:
    """Give one of a DaemonSet that has not come up yet."""
    waiting = {"namespace": "kube-system", "owner": "DaemonSet", "phase": "Pending", "ready": False, "started": False}
    return pod(name, **waiting | changes)
