"""Images and flavors out of a small file, for services that have no Glance and no Nova to ask.

The API validates with it, so it knows nothing of machines. What a request names is an id or a name; the file is refused
as a whole when it is not well-formed or when a name could mean two things.
"""

import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

_Positive = Annotated[int, msgspec.Meta(gt=0)]
SHIPPED = Path(__file__).with_suffix(".toml")


class NotInCatalogue(LookupError):  # noqa: N818  reads as what it says
    """A request names an image or a flavor that there is not."""


class CatalogueError(ValueError):
    """The file cannot be used."""


class Image(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What machines boot from. Without `os_distro` no driver can be chosen for it."""

    id: str
    name: str
    os_distro: str | None = None
    min_disk_gib: int = 0
    min_memory_mib: int = 0
    properties: dict[str, str] = {}


class Flavor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How large a machine is."""

    id: str
    name: str
    memory_mib: _Positive
    vcpus: _Positive
    disk_gib: int


_Entry = TypeVar("_Entry", Image, Flavor)


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    images: tuple[Image, ...] = ()
    flavors: tuple[Flavor, ...] = ()

    def image(self, ident: str) -> Image:
        return _find("image", ident, self.images)

    def has_no_disk(self, ident: str) -> bool:
        """Say so of a flavor that is known."""
        return any(flavor.disk_gib == 0 for flavor in self.flavors if ident in (flavor.id, flavor.name))

    def flavor(self, ident: str) -> Flavor:
        return _find("flavor", ident, self.flavors)


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read the given file, or the one that is shipped."""
    source = path or SHIPPED
    try:
        catalogue = msgspec.convert(tomllib.loads(source.read_text(encoding="utf-8")), Catalogue)
    except OSError as error:
        raise CatalogueError(f"the catalogue of images and flavors cannot be read: {error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"the catalogue of images and flavors, {source}, is not well-formed: {error}") from error
    for kind, entries in (("image", catalogue.images), ("flavor", catalogue.flavors)):
        if ambiguous := _ambiguous(entries):
            raise CatalogueError(f"the catalogue {source} means more than one {kind} by: {', '.join(ambiguous)}")
    return catalogue


def _find(kind: str, ident: str, entries: Sequence[_Entry]) -> _Entry:
    for entry in entries:
        if ident in (entry.id, entry.name):
            return entry
    offered = ", ".join(entry.name for entry in entries) or "none"
    raise NotInCatalogue(f"There is no {kind} {ident!r}; there are: {offered}.")


def _ambiguous(entries: Sequence[Image] | Sequence[Flavor]) -> list[str]:
    uses = Counter(ident for entry in entries for ident in {entry.id, entry.name})
    return sorted(ident for ident, count in uses.items() if count > 1)
