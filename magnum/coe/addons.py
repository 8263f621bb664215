"""Bringing a cluster's add-ons to what is wanted, and seeing how far they are.

What has been brought stands in a ConfigMap of the cluster: for each add-on the names of its objects, from before the
first of them is applied, and when all are, a digest of them. So an add-on that is there already costs one look, and
objects that a newer version, or a switched-off label, no longer has are taken away. Somebody in the cluster may spoil
that ConfigMap: then add-ons are applied once more, or something of ours stays. Only what bears our mark is ever
removed, whatever is named there.

Each call changes one object, so a step can surround each with its own guard.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from magnum.addons.descriptions import descriptions
from magnum.addons.rendering import MARK, Addon
from magnum.coe.kubernetes_calls import KubernetesRefused
from magnum.coe.kubernetes_values import Json, ObjectName

RECORD = ObjectName("v1", "ConfigMap", "magnum-addons", "kube-system")
RESTARTED = "magnum.openstack.org/restarted-by"
"""On what pods are made from: the operation that had them made anew."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,252}")
_WORKLOADS = frozenset({"Deployment", "DaemonSet"})

Call = tuple[str, Callable[[], object]]


class Cluster(Protocol):
    """As much of `KubernetesClient` as is used here."""

    def get(self, name: ObjectName) -> dict[str, Any] | None: ...

    def apply(self, manifest: Json) -> dict[str, Any]: ...

    def delete(self, name: ObjectName) -> None: ...


class _Brought(msgspec.Struct, frozen=True):
    """`digest` is empty while it is being brought."""

    digest: str
    objects: list[ObjectName]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An add-on that is to be applied, or is to go: then it has no objects. `obsolete` go after the others came."""

    name: str
    title: str
    objects: tuple[dict[str, Any], ...]
    obsolete: tuple[ObjectName, ...]


class Rollout(msgspec.Struct, frozen=True):
    """How far an add-on is: `text` says what is running of it, in a sentence."""

    complete: bool
    text: str


def pending(cluster: Cluster, wanted: Sequence[Addon]) -> list[Change]:
    """Give what is to be changed, in order; nothing, when all is as it should be."""
    brought = _read_record(cluster)
    changes = [
        Change(name=addon.name, title=addon.title, objects=addon.objects, obsolete=_obsolete(addon, brought))
        for addon in wanted
        if addon.name not in brought or brought[addon.name].digest != _digest(addon)
    ]
    gone = sorted(brought.keys() - {addon.name for addon in wanted})
    return changes + [
        Change(name=name, title=_title(name), objects=(), obsolete=_last_first(brought[name])) for name in gone
    ]


def calls(cluster: Cluster, change: Change, wanted: Sequence[Addon]) -> Iterator[Call]:
    """Give the calls that make a change, each with what it does; they are to be made in order."""
    addon = next((addon for addon in wanted if addon.name == change.name), None)
    if addon:
        began = _Brought("", [*reversed(change.obsolete), *map(ObjectName.of, addon.objects)])
        yield f"note that {change.title} comes", lambda: cluster.apply(_record(cluster, change.name, began))
    for manifest in change.objects:
        yield f"apply {ObjectName.of(manifest)}", partial(cluster.apply, manifest)
    for name in change.obsolete:
        yield f"remove {name}", partial(_remove, cluster, name)
    done = _Brought(_digest(addon), list(map(ObjectName.of, addon.objects))) if addon else None
    yield f"note {change.title}", lambda: cluster.apply(_record(cluster, change.name, done))


def restarts(cluster: Cluster, addons: Sequence[Addon], mark: str) -> Iterator[Call]:
    """Give the calls that have the pods of add-ons replaced by new ones, once for each mark."""
    for manifest in (manifest for addon in addons for manifest in addon.objects if manifest["kind"] in _WORKLOADS):
        name = ObjectName.of(manifest)
        found = cluster.get(name)
        if found is not None and _restarted(found) != mark:
            yield f"restart {name}", partial(cluster.apply, _with_restart(manifest, mark))


def rollout(cluster: Cluster, addon: Addon) -> Rollout:
    """Look whether what an add-on consists of is running."""
    waiting = [told for name in _workloads(addon) if (told := _waits(name, cluster.get(name)))]
    if waiting:
        return Rollout(complete=False, text=f"{addon.title} is not running yet: {', '.join(waiting)}.")
    return Rollout(complete=True, text=f"{addon.title} is running.")


def _restarted(found: Json) -> object:
    try:
        return found["spec"]["template"]["metadata"]["annotations"][RESTARTED]
    except (KeyError, TypeError):
        return None


def _with_restart(manifest: Json, mark: str) -> dict[str, Any]:
    """What a pod is made from differs by the mark alone."""
    restarted: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(manifest))
    restarted["spec"]["template"]["metadata"].setdefault("annotations", {})[RESTARTED] = mark
    return restarted


def _remove(cluster: Cluster, name: ObjectName) -> None:
    try:
        labels = ((cluster.get(name) or {}).get("metadata") or {}).get("labels") or {}
        if labels.items() >= MARK.items():
            cluster.delete(name)
    except KubernetesRefused as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:  # a kind that the cluster does not know any more
            raise


def _title(name: str) -> str:
    known = descriptions().get(name)
    return known.title if known else name


def _workloads(addon: Addon) -> list[ObjectName]:
    return [name for name in map(ObjectName.of, addon.objects) if name.kind in _WORKLOADS]


class _Generation(msgspec.Struct, frozen=True):
    generation: int = 0


class _Counts(msgspec.Struct, frozen=True, rename="camel"):
    observed_generation: int = 0
    replicas: int = 0
    available_replicas: int = 0
    desired_number_scheduled: int = 0
    number_available: int = 0


class _Workload(msgspec.Struct, frozen=True):
    metadata: _Generation = _Generation()
    status: _Counts = _Counts()


def _waits(name: ObjectName, found: Json | None) -> str | None:
    """Say what of a Deployment or DaemonSet is missing; None when nothing is."""
    if found is None:
        return f"{name} is not there"
    try:
        workload = msgspec.convert(found, _Workload)
    except msgspec.ValidationError:
        return f"{name} is not understood"
    status = workload.status
    running = status.available_replicas + status.number_available
    wanted = status.replicas + status.desired_number_scheduled
    if status.observed_generation < workload.metadata.generation or running < max(wanted, 1):
        return f"{name} has {running} of {max(wanted, 1)} pods"
    return None


def _obsolete(addon: Addon, brought: dict[str, _Brought]) -> tuple[ObjectName, ...]:
    if addon.name not in brought:
        return ()
    kept = {_identity(ObjectName.of(manifest)) for manifest in addon.objects}
    return tuple(name for name in _last_first(brought[addon.name]) if _identity(name) not in kept)


def _identity(name: ObjectName) -> tuple[str, ...]:
    """Say which object it is: the same in every version of its group."""
    group = name.api_version.rpartition("/")[0]
    return (group, name.kind, name.namespace, name.name)


def _last_first(brought: _Brought) -> tuple[ObjectName, ...]:
    return tuple(reversed(brought.objects))


def _digest(addon: Addon) -> str:
    return hashlib.sha256(msgspec.json.encode(addon.objects, order="sorted")).hexdigest()


def _read_record(cluster: Cluster) -> dict[str, _Brought]:
    data = (cluster.get(RECORD) or {}).get("data") or {}
    try:
        entries = {name: msgspec.json.decode(text, type=_Brought) for name, text in data.items()}
    except (msgspec.DecodeError, AttributeError, TypeError):
        return {}
    return entries if all(_is_sound(name) for entry in entries.values() for name in entry.objects) else {}


def _is_sound(name: ObjectName) -> bool:
    """Say whether an object can be called so; anything may stand in the record."""
    parts = (*name.api_version.split("/"), name.kind, name.name, name.namespace or "none")
    return all(_NAME.fullmatch(part) for part in parts)


def _record(cluster: Cluster, changed: str, entry: _Brought | None) -> dict[str, Any]:
    """Give the ConfigMap with this entry for one add-on, or without one, and the others as they were."""
    entries = _read_record(cluster)
    entries.pop(changed, None)
    if entry:
        entries[changed] = entry
    return {
        "apiVersion": RECORD.api_version,
        "kind": RECORD.kind,
        "metadata": {"name": RECORD.name, "namespace": RECORD.namespace, "labels": MARK},
        "data": {name: msgspec.json.encode(entry).decode() for name, entry in sorted(entries.items())},
    }
