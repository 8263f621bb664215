"""Glance: an image by id or name, with what a machine must have to boot it."""

from math import ceil
from typing import Any

from .calls import CloudService
from .errors import NotThere
from .names import absent, is_id, pick
from .offers import Image

_GIB = 1024**3
_NOUN = "image"


def find_image(glance: CloudService, ident: str) -> Image:
    """Ask once. Raises CloudError.

    By name only such count as a project sees by itself: what anybody shares with everybody cannot take a name away.
    """
    image = _by_id(glance, ident) if is_id(ident) else _by_name(glance, ident)
    status = image.properties.get("status")
    if status != "active":
        raise NotThere(f"The image '{ident}' of {glance.name} is not active: its status is {status}.")
    return image


def _by_id(glance: CloudService, ident: str) -> Image:
    try:
        return _image(glance.get(f"/v2/images/{ident}"))
    except NotThere:
        raise absent(glance.name, _NOUN, ident) from None


def _by_name(glance: CloudService, name: str) -> Image:
    found = glance.get("/v2/images", params={"name": name, "limit": 100})["images"]
    return pick(glance.name, _NOUN, name, [_image(one) for one in found])


def _image(found: dict[str, Any]) -> Image:
    size = max(found.get("size") or 0, found.get("virtual_size") or 0)
    return Image(
        id=found["id"],
        name=found.get("name") or "",
        os_distro=found.get("os_distro") or None,
        min_disk_gib=max(found.get("min_disk") or 0, ceil(size / _GIB)),
        min_memory_mib=found.get("min_ram") or 0,
        properties={name: value for name, value in found.items() if isinstance(value, str)},
    )
