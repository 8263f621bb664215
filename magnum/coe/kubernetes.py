"""A client of the API of a Kubernetes cluster, as much of it as keeps nodes and brings add-ons.

What changes something may be asked again after a crash: asked for what is so already, it changes nothing. Nothing here
waits for the cluster to follow, and nothing decides what should be: which pods go is `drains.py`'s, the rest the
driver's. Objects are written by server-side apply under our own name, so what others have set beside it stays.

Of a node's labels and taints only those that we have set are ours. Which they are stands on the node, in an annotation:
a taint has no owner otherwise.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from magnum.coe.https import ClientTls, HttpsCaller, client_context
from magnum.coe.kubernetes_calls import (
    Calls,
    KubernetesError,
    KubernetesRefused,
    MediaType,
    printable,
    segment,
    status_of,
)
from magnum.coe.kubernetes_values import (
    ClusterVersion,
    Eviction,
    EvictionResult,
    Json,
    KubernetesNode,
    KubernetesPod,
    ObjectName,
    Readiness,
    Taint,
    WireEvent,
    WireNode,
    WirePod,
    WireResource,
    WireResources,
    WireVersion,
    WireWholeNode,
)

PORT = 6443
FIELD_MANAGER = "magnum"
OURS = "magnum.openstack.org/set-by-us"
_CONFLICT_TRIES = 3
_WITHOUT_APPLY = frozenset({"apiregistration.k8s.io"})
"""Groups whose server ends the connection on a server-side apply: kube-apiserver 1.20 panics."""


class KubernetesClient:
    """One cluster. `address` is `https://host:port` or `host[:port]`; no method takes longer than `timeout` seconds."""

    def __init__(self, address: str, tls: ClientTls, timeout: float = 10.0) -> None:
        parts = urlsplit(address if "://" in address else f"//{address}")
        if not parts.hostname or parts.scheme not in ("", "https"):
            raise ValueError(f"{address!r} is no address of a cluster's API")
        self._address = (parts.hostname, parts.port or PORT)
        self._context = client_context(tls)
        self._timeout = timeout
        self._resources: dict[tuple[str, str], WireResource] = {}

    def version(self) -> ClusterVersion:
        return self._calls().read("/version", WireVersion).shown()

    def readiness(self) -> Readiness:
        """Ask whether the API server is ready, and which of its checks fail."""
        calls = self._calls()
        answer = calls.answer("GET", "/readyz?verbose")
        if answer.status not in (HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR):
            calls.accepted(answer)
        lines = printable_lines(answer.body)
        return Readiness(answer.status == HTTPStatus.OK, tuple(line[3:] for line in lines if line.startswith("[-]")))

    def nodes(self) -> tuple[KubernetesNode, ...]:
        return tuple(node.shown() for node in self._calls().read_all("/api/v1/nodes", WireNode, {}))

    def node(self, name: str) -> KubernetesNode | None:
        found = self._calls().read_if_there(_node_path(name), WireNode)
        return found.shown() if found else None

    def pods(self, node: str | None = None) -> tuple[KubernetesPod, ...]:
        """Give the pods of one node, or of all."""
        filters = {} if node is None else {"fieldSelector": f"spec.nodeName={node}"}
        return tuple(pod.shown() for pod in self._calls().read_all("/api/v1/pods", WirePod, filters))

    def pods_with(self, namespace: str, labels: Mapping[str, str]) -> tuple[KubernetesPod, ...]:
        """Give the pods of a namespace that carry these labels."""
        path = f"/api/v1/namespaces/{segment(namespace)}/pods"
        filters = {"labelSelector": ",".join(f"{name}={value}" for name, value in sorted(labels.items()))}
        return tuple(pod.shown() for pod in self._calls().read_all(path, WirePod, filters))

    def failures_of(self, pod: KubernetesPod) -> tuple[str, ...]:
        """Give what its kubelet has reported of a pod as failed, as long as the API keeps it (an hour)."""
        path = f"/api/v1/namespaces/{segment(pod.namespace)}/events"
        filters = {"fieldSelector": f"involvedObject.uid={pod.uid},reason=Failed"}
        return tuple(printable(event.message) for event in self._calls().read_all(path, WireEvent, filters))

    def cordon(self, node: str) -> None:
        """Have no more pods put on the node."""
        self._patch_node(node, {"spec": {"unschedulable": True}})

    def uncordon(self, node: str) -> None:
        self._patch_node(node, {"spec": {"unschedulable": None}})

    def annotate(self, node: str, annotations: Mapping[str, str | None]) -> None:
        """Note something on the node, or (None) remove such a note."""
        self._patch_node(node, {"metadata": {"annotations": annotations}})

    def assign_pods_network(self, node: str, network: str) -> None:
        """Say where the addresses of a node's pods are from; once said it cannot be changed."""
        self._patch_node(node, {"spec": {"podCIDR": network, "podCIDRs": [network]}})

    def evict(self, pod: KubernetesPod, version: ClusterVersion) -> Eviction:
        """Ask for a pod to go, which a PodDisruptionBudget may forbid for now. The pod takes its time to end."""
        calls = self._calls()
        path = f"/api/v1/namespaces/{segment(pod.namespace)}/pods/{segment(pod.name)}/eviction"
        answer = calls.answer("POST", path, _eviction(pod, version))
        if answer.status == HTTPStatus.NOT_FOUND:
            return Eviction(EvictionResult.GONE)
        status = status_of(answer)
        if answer.status == HTTPStatus.CONFLICT and pod.uid in status.message:
            return Eviction(EvictionResult.GONE)  # another pod has its name by now
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS and status.budget is not None:
            return Eviction(EvictionResult.BLOCKED, _budget_name(status.budget), printable(status.budget))
        calls.accepted(answer)
        return Eviction(EvictionResult.STARTED)

    def delete_node(self, node: str) -> None:
        """Take a node off the cluster's list. Its pods are then given up."""
        self._delete(_node_path(node), None)

    def is_marked(self, node: str, labels: Mapping[str, str], taints: Sequence[Taint]) -> bool:
        """Say whether `mark_node` has nothing to do."""
        return _marking(self._calls().read(_node_path(node), WireWholeNode), labels, taints) is None

    def mark_node(self, node: str, labels: Mapping[str, str], taints: Sequence[Taint]) -> None:
        """Give the node these labels and taints, and take from it those that we set before and that are not among them.

        What others have set stays, unless it is one of these.
        """
        calls = self._calls()
        for tries_left in reversed(range(_CONFLICT_TRIES)):
            patch = _marking(calls.read(_node_path(node), WireWholeNode), labels, taints)
            if patch is None:
                return
            try:
                calls.call("PATCH", _node_path(node), patch, MediaType.MERGE_PATCH)
            except KubernetesRefused as refusal:
                if refusal.status != HTTPStatus.CONFLICT or not tries_left:
                    raise
            else:
                return

    def apply(self, manifest: Json, *, dry_run: bool = False) -> dict[str, Any]:
        """Make an object so, or only ask whether it could be made so; give it as it is then.

        What another manager of fields has set and this contradicts is taken over.
        """
        calls = self._calls()
        name = ObjectName.of(manifest)
        path = self._path(calls, name)
        wanted = {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if dry_run else {})}
        if name.api_version.partition("/")[0] in _WITHOUT_APPLY:
            return _merge(calls, path, manifest, urlencode(wanted))
        question = f"{path}?{urlencode({**wanted, 'force': 'true'})}"
        return calls.understood(path, calls.call("PATCH", question, manifest, MediaType.APPLY), dict[str, Any])

    def get(self, name: ObjectName) -> dict[str, Any] | None:
        calls = self._calls()
        return calls.read_if_there(self._path(calls, name), dict[str, Any])

    def delete(self, name: ObjectName, *, grace_seconds: int | None = None) -> None:
        """Have an object, and what it owns, removed; one that is not there is fine."""
        self._delete(self._path(self._calls(), name), grace_seconds)

    def _delete(self, path: str, grace_seconds: int | None) -> None:
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        calls = self._calls()
        answer = calls.answer("DELETE", path, options)
        if answer.status != HTTPStatus.NOT_FOUND:
            calls.accepted(answer)

    def _patch_node(self, node: str, patch: Json) -> None:
        self._calls().call("PATCH", _node_path(node), patch, MediaType.MERGE_PATCH)

    def _path(self, calls: Calls, name: ObjectName) -> str:
        """Say where an object is, which its kind alone does not tell: the API itself does."""
        group = _group_path(name.api_version)
        if (name.api_version, name.kind) not in self._resources:
            known = calls.read_if_there(group, WireResources) or WireResources()
            for resource in known.resources or ():
                if "/" not in resource.name:  # else it is a part of one, as pods/log
                    self._resources[name.api_version, resource.kind] = resource
        try:
            resource = self._resources[name.api_version, name.kind]
        except KeyError:
            raise KubernetesRefused(
                HTTPStatus.NOT_FOUND, "NotFound", f"{calls.name} knows no {name.kind} of {name.api_version}"
            ) from None
        if resource.namespaced != bool(name.namespace):
            wants = "needs a namespace" if resource.namespaced else "belongs to no namespace"
            raise KubernetesError(f"{name} {wants}")
        place = f"/namespaces/{segment(name.namespace)}" if name.namespace else ""
        return f"{group}{place}/{resource.name}/{segment(name.name)}"

    def _calls(self) -> Calls:
        return Calls(HttpsCaller(self._address, self._context, self._timeout))


def _merge(calls: Calls, path: str, manifest: Json, options: str) -> dict[str, Any]:
    """Lay a manifest over the object that is there, else make the object."""
    answer = calls.answer("PATCH", f"{path}?{options}", manifest, MediaType.MERGE_PATCH)
    if answer.status == HTTPStatus.NOT_FOUND:
        answer = calls.answer("POST", f"{path.rpartition('/')[0]}?{options}", manifest)
    return calls.understood(path, calls.accepted(answer), dict[str, Any])


def printable_lines(body: bytes) -> list[str]:
    return [printable(line) for line in body.decode(errors="replace").splitlines()]


def _eviction(pod: KubernetesPod, version: ClusterVersion) -> Json:
    """Name the pod by its uid too: one that came after it under its name is not meant."""
    return {
        "apiVersion": "policy/v1" if (version.major, version.minor) >= (1, 22) else "policy/v1beta1",
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "deleteOptions": {"preconditions": {"uid": pod.uid}},
    }


def _budget_name(sentence: str) -> str:
    found = re.search(r"disruption budget (\S+)", sentence)
    return printable(found[1]) if found else ""


class _Marks(msgspec.Struct, frozen=True):
    """What of a node is ours, as its annotation says."""

    labels: list[str] = []
    taints: list[tuple[str, str]] = []


def _marking(node: WireWholeNode, labels: Mapping[str, str], taints: Sequence[Taint]) -> Json | None:
    """Give the patch from what a node is to what it should be; None when it is so."""
    annotation = (node.metadata.annotations or {}).get(OURS, "")
    before = _read_marks(annotation)
    own = {(taint.key, taint.effect) for taint in taints}
    theirs = [taint for taint in node.taints if (taint["key"], taint["effect"]) not in own | set(before.taints)]
    wanted_taints = theirs + [msgspec.to_builtins(taint) for taint in sorted(taints)]
    wanted_annotation = msgspec.json.encode(_Marks(sorted(labels), sorted(own))).decode()
    wanted_labels: dict[str, str | None] = {key: None for key in before.labels if key not in labels} | {**labels}
    known = node.metadata.labels or {}
    if (
        annotation == wanted_annotation
        and all(known.get(key) == value for key, value in wanted_labels.items())
        and _plain(node.taints) == _plain(wanted_taints)
    ):
        return None
    return {
        "metadata": {
            "resourceVersion": node.metadata.resource_version,
            "labels": wanted_labels,
            "annotations": {OURS: wanted_annotation},
        },
        "spec": {"taints": wanted_taints or None},
    }


def _plain(taints: Sequence[Mapping[str, str]]) -> set[tuple[str, str, str]]:
    return {(taint["key"], taint["effect"], taint.get("value", "")) for taint in taints}


def _read_marks(annotation: str) -> _Marks:
    """Read what was ours; nothing, where the cluster's owner has written something else there."""
    try:
        return msgspec.json.decode(annotation or "{}", type=_Marks)
    except msgspec.DecodeError:
        return _Marks()


def _node_path(name: str) -> str:
    return f"/api/v1/nodes/{segment(name)}"


def _group_path(api_version: str) -> str:
    parts = "/".join(segment(part) for part in api_version.split("/"))
    return f"/apis/{parts}" if "/" in api_version else f"/api/{parts}"
