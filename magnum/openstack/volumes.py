"""Cinder's volumes, whoever made them: found and deleted."""

import msgspec

from .calls import CloudService
from .pages import list_all

_OWNER = "os-vol-tenant-attr:tenant_id"


class Volume(msgspec.Struct, frozen=True, rename={"project_id": _OWNER}):
    """`size` is in GB."""

    id: str
    project_id: str
    status: str
    size: int
    name: str | None = None
    metadata: dict[str, str] = {}

    @property
    def is_going(self) -> bool:
        return self.status == "deleting"

    @property
    def is_free(self) -> bool:
        """Whether no server has it, and nothing is being done to it."""
        return self.status in ("available", "error", "error_deleting")


def list_volumes(cinder: CloudService, project_id: str) -> tuple[Volume, ...]:
    """Give those of the project and nobody else's, whatever the identity might see. Raises CloudError."""
    found = list_all(cinder, "/volumes/detail", "volumes", Volume)
    return tuple(volume for volume in found if volume.project_id == project_id)


def delete_volume(cinder: CloudService, ident: str) -> None:
    """Begin to delete it; one that has snapshots is refused. Raises CloudError."""
    cinder.delete(f"/volumes/{ident}")
