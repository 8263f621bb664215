"""Manifests: objects of Kubernetes in YAML, with places for values.

The YAML is read first, and values are put into what was read: whatever a value holds, it stays the one value that it is
and cannot become something else. A file is one list of objects. Its places are

* `!value name`: a value, of its own type;
* `!image name`: the name of an image, as the cluster pulls it;
* `!json {…}`: the text of this as JSON, for programs whose configuration is a text;
* `!text`: a text with `$name` in it, for those that read another language. Values in it must be plain words.
"""

import functools
import json
import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

Values = Mapping[str, Any]
_PLAIN = re.compile(r"[A-Za-z0-9._:/-]+")


class ManifestError(Exception):
    """A manifest asks for what there is not: a defect of ours."""


class _Place(msgspec.Struct, frozen=True):
    kind: str
    content: Any


class _Loader(yaml.SafeLoader):
    """Reads our places too, and nothing else that is not plain."""


def _scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> _Place:
    return _Place(node.tag, loader.construct_scalar(node))


def _tree(loader: yaml.SafeLoader, node: yaml.MappingNode) -> _Place:
    return _Place(node.tag, loader.construct_mapping(node, deep=True))


for _tag in ("!value", "!image", "!text"):
    _Loader.add_constructor(_tag, _scalar)
_Loader.add_constructor("!json", _tree)


@functools.cache
def load(path: Path) -> list[Any]:
    with path.open(encoding="utf-8") as file:
        objects = yaml.load(file, _Loader)  # noqa: S506  a SafeLoader with four more tags
    if not isinstance(objects, list):
        raise ManifestError(f"{path.name} is no list of objects")
    return objects


def render(path: Path, values: Values, images: Mapping[str, str]) -> list[dict[str, Any]]:
    """Give the objects of a file with values and images in their places."""
    return [_filled(manifest, values, images) for manifest in load(path)]


def _filled(tree: Any, values: Values, images: Mapping[str, str]) -> Any:
    match tree:
        case dict():
            return {key: _filled(value, values, images) for key, value in tree.items()}
        case list():
            return [_filled(value, values, images) for value in tree]
        case _Place():
            return _placed(tree, values, images)
        case _:
            return tree


def _placed(place: _Place, values: Values, images: Mapping[str, str]) -> Any:
    match place.kind:
        case "!value":
            return _known(values, place.content)
        case "!image":
            return _known(images, place.content)
        case "!json":
            return json.dumps(_filled(place.content, values, images), indent=2, sort_keys=True)
        case _:
            return _worded(place.content, values)


def _known(things: Mapping[str, Any], name: str) -> Any:
    try:
        return things[name]
    except KeyError:
        raise ManifestError(f"there is no {name}; there are: {', '.join(sorted(things))}") from None


def _worded(text: str, values: Values) -> str:
    template = string.Template(text)
    words = {name: str(_known(values, name)) for name in template.get_identifiers()}
    for name, word in words.items():
        if not _PLAIN.fullmatch(word):
            raise ManifestError(f"{name} is no plain word, so it cannot stand in a text: {word[:64]!r}")
    return template.substitute(words)
