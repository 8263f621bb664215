"""The objects of a cluster of Kubernetes in a dictionary, for tests of what brings them."""

from collections.abc import Mapping
from typing import Any

from magnum.coe.kubernetes_values import Json, KubernetesPod, ObjectName


class FakeApi:
    """Keeps what is applied, and notes what was done."""

    def __init__(self) -> None:
        self.objects: dict[ObjectName, Any] = {}
        self.changes: list[tuple[str, str]] = []
        self.pods: dict[str, KubernetesPod] = {}
        self.failures: tuple[str, ...] = ()

    def get(self, name: ObjectName) -> dict[str, Any] | None:
        return self.objects.get(name)

    def apply(self, manifest: Json) -> dict[str, Any]:
        self.changes.append(("apply", str(ObjectName.of(manifest))))
        self.objects[ObjectName.of(manifest)] = manifest
        return dict(manifest)

    def delete(self, name: ObjectName, *, grace_seconds: int | None = None) -> None:
        del grace_seconds
        self.changes.append(("delete", str(name)))
        self.objects.pop(name, None)

    def pods_with(self, namespace: str, labels: Mapping[str, str]) -> tuple[KubernetesPod, ...]:
        """Give the pod, if there is one, that is kept by the value of its only label."""
        del namespace
        [value] = labels.values()
        return (self.pods[value],) if value in self.pods else ()

    def failures_of(self, pod: KubernetesPod) -> tuple[str, ...]:
        del pod
        return self.failures


def refusal(reason, message, **details):
    return {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "details": details}
