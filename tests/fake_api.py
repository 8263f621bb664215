"""The objects of a cluster of Kubernetes in a dictionary, for tests of what brings them."""

from typing import Any

from magnum.coe.kubernetes_values import Json, ObjectName


class FakeApi:
    """Keeps what is applied, and notes what was done."""

    def __init__(self) -> None:
        self.objects: dict[ObjectName, Any] = {}
        self.changes: list[tuple[str, str]] = []

    def get(self, name: ObjectName) -> dict[str, Any] | None:
        return self.objects.get(name)

    def apply(self, manifest: Json) -> dict[str, Any]:
        self.changes.append(("apply", str(ObjectName.of(manifest))))
        self.objects[ObjectName.of(manifest)] = manifest
        return dict(manifest)

    def delete(self, name: ObjectName) -> None:
        self.changes.append(("delete", str(name)))
        self.objects.pop(name, None)
