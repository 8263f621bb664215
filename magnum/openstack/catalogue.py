"""Images and flavors out of a small file, for services that have no Glance and no Nova to ask.

The API validates with it, so it knows nothing of machines. What a request names is an id or a name; the file is refused
as a whole when it is not well-formed or when a name could mean two things.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from .errors import NotThere
from .offers import Flavor, Image, Kind, Wish

SHIPPED = Path(__file__).with_suffix(".toml")


class CatalogueError(ValueError):
    """The file cannot be used."""


_Entry = TypeVar("_Entry", Image, Flavor)


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    images: tuple[Image, ...] = ()
    flavors: tuple[Flavor, ...] = ()

    def image(self, ident: str) -> Image:
        """Raises NotThere."""
        return _find("image", ident, self.images)

    def flavor(self, ident: str) -> Flavor:
        """Raises NotThere."""
        return _find("flavor", ident, self.flavors)

    def look(self, wishes: Iterable[Wish]) -> None:
        """Do nothing: all that is known is here."""

    def subnet(self, ident: str, network: str | None) -> None:
        """Take any."""

    def require(self, wish: Wish) -> None:
        """Take anything but an image or a flavor that is not listed. Raises NotThere."""
        if wish.kind is Kind.IMAGE:
            self.image(wish.ident)
        elif wish.kind is Kind.FLAVOR:
            self.flavor(wish.ident)


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
    raise NotThere(f"The catalogue has no {kind} {ident!r}; there are: {offered}.")


def _ambiguous(entries: Sequence[Image] | Sequence[Flavor]) -> list[str]:
    uses = Counter(ident for entry in entries for ident in {entry.id, entry.name})
    return sorted(ident for ident, count in uses.items() if count > 1)
