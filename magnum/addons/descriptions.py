"""The description of an add-on, `addon.toml` in its folder: when it is wanted, its images and its manifests.

What depends on the version of Kubernetes stands under the oldest version that it is for.
"""

import functools
from collections.abc import Mapping
from pathlib import Path

import msgspec

from magnum.model.images import Image

FOLDER = Path(__file__).parent
Version = tuple[int, int]


class ImageChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An image; `tags` by the oldest version of Kubernetes. `label` names the label that says another tag."""

    repository: str
    tags: dict[str, str]
    label: str = ""

    def chosen(self, version: Version, labels: Mapping[str, str]) -> Image:
        return Image(self.repository, labels.get(self.label) or self._tag(version))

    def _tag(self, version: Version) -> str:
        fitting = [oldest for oldest in self.tags if read_version(oldest) <= version]
        return self.tags[max(fitting, key=read_version)]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file with objects, for versions from `since` on and before `until`."""

    file: str
    since: str = "0.0"
    until: str = "99.0"

    def fits(self, version: Version) -> bool:
        return read_version(self.since) <= version < read_version(self.until)


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One add-on. Those of a lower `order` are applied first.

    It is wanted when the cluster's network driver is `network_driver`, its API server runs `admission_plugin`, and the
    label `enabled_by` is true, as far as they are given; if it is `for_cloud`, only on a cloud, and there only with
    this `volume_driver`, if one is given. `labels` are those whose values its manifests use, with their defaults;
    `translations` say what some of these values are called there, and `refused` which of them it cannot be given.
    """

    title: str
    order: int
    images: dict[str, ImageChoice]
    manifests: tuple[Manifest, ...]
    network_driver: str = ""
    admission_plugin: str = ""
    for_cloud: bool = False
    volume_driver: str = ""
    enabled_by: str = ""
    enabled: bool = True
    labels: dict[str, str] = {}
    translations: dict[str, dict[str, str]] = {}
    refused: dict[str, tuple[str, ...]] = {}

    def honoured(self) -> dict[str, str]:
        """Give the labels that steer it, with their defaults; the tags of images depend on the version."""
        tags = {image.label: "" for image in self.images.values() if image.label}
        switch = {self.enabled_by: str(self.enabled).lower()} if self.enabled_by else {}
        return {**tags, **self.labels, **switch}


def read_version(text: str) -> Version:
    major, _, minor = text.partition(".")
    return int(major), int(minor)


@functools.cache
def descriptions() -> Mapping[str, Description]:
    """Give all add-ons by name, in the order in which they are applied."""
    found = {
        path.parent.name: msgspec.toml.decode(path.read_bytes(), type=Description)
        for path in FOLDER.glob("*/addon.toml")
    }
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))
