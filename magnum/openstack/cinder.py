"""Cinder: types of volumes."""

from collections.abc import Sequence

from .calls import CloudService
from .errors import NotThere
from .names import pick
from .offers import VolumeType


def find_volume_type(cinder: CloudService, ident: str) -> VolumeType:
    """Raises CloudError."""
    return choose_volume_type(cinder.name, list_volume_types(cinder), ident)


def choose_volume_type(service: str, types: Sequence[VolumeType], ident: str) -> VolumeType:
    """Raises NotThere."""
    return pick(service, "volume type", ident, types)


def list_volume_types(cinder: CloudService) -> tuple[VolumeType, ...]:
    """Give all that the project may use. Raises CloudError."""
    return tuple(VolumeType(id=one["id"], name=one["name"]) for one in cinder.get("/types")["volume_types"])


def default_volume_type(cinder: CloudService, configured: str) -> str:
    """Give the type of a volume for which none is named: the operator's, else Cinder's own, else the first there is.

    Raises CloudError; NotThere when there is none at all.
    """
    if configured:
        return configured
    try:
        name: str = cinder.get("/types/default")["volume_type"]["name"]
    except NotThere:
        types = list_volume_types(cinder)
        if not types:
            raise NotThere(f"{cinder.name} has no type of volumes for this project.") from None
        name = types[0].name
    return name
