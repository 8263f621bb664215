"""Which add-ons a cluster gets, as the objects that its API is given, and which images they are made of.

Pure: it follows from the facts alone, so the bill of images is that of what is applied.
"""

import ipaddress
from collections.abc import Mapping
from typing import Any

import msgspec

from magnum.model import images, label_registry

from .cloud import CloudFacts, cloud_values
from .descriptions import FOLDER, Description, Version, descriptions
from .manifests import render

PREFIX_LABEL = "container_infra_prefix"
ADMISSION_LABEL = "admission_control_list"
MARK = {"app.kubernetes.io/managed-by": "magnum"}
"""The label of everything that we bring."""
_DNS_HOST = 10
"""Which of the Services' addresses is the name service's; kubelets tell it to every pod."""


class ClusterFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What add-ons depend on. `labels` are the cluster's own."""

    version: Version
    network_driver: str
    pods: ipaddress.IPv4Network
    services: ipaddress.IPv4Network
    dns_domain: str
    labels: dict[str, str]
    cloud: CloudFacts | None = None
    """Of drivers whose clusters are on one."""


class Addon(msgspec.Struct, frozen=True, kw_only=True):
    """An add-on as it is applied, in the order of its objects."""

    name: str
    title: str
    objects: tuple[dict[str, Any], ...]
    images: tuple[str, ...]
    before_nodes: bool = False
    """Whether it has to come before nodes are waited for: no node is ready without a network of pods, nor is that where
    its pods are not let in."""


def dns_service_address(services: ipaddress.IPv4Network) -> ipaddress.IPv4Address:
    return services[_DNS_HOST]


def wanted(facts: ClusterFacts) -> tuple[Addon, ...]:
    """Give the add-ons of a cluster in order. Raises ValueError, with a sentence, for labels with bad values."""
    return tuple(_rendered(name, about, facts) for name, about in descriptions().items() if _is_wanted(about, facts))


def bill(facts: ClusterFacts) -> tuple[str, ...]:
    """Give every image that the add-ons of a cluster are made of, as it is pulled."""
    return tuple(sorted({image for addon in wanted(facts) for image in addon.images}))


def honoured_labels(*network_drivers: str, on_cloud: bool = False) -> Mapping[str, str]:
    """Give the labels that steer add-ons with these network drivers, with their defaults; a driver honours them."""
    labels = {PREFIX_LABEL: ""}
    for about in descriptions().values():
        if (not about.network_driver or about.network_driver in network_drivers) and (on_cloud or not about.for_cloud):
            labels |= about.honoured()
    return labels


def _is_wanted(about: Description, facts: ClusterFacts) -> bool:
    if about.network_driver and about.network_driver != facts.network_driver:
        return False
    if about.for_cloud and (facts.cloud is None or about.volume_driver not in ("", facts.cloud.volume_driver)):
        return False
    if about.admission_plugin and about.admission_plugin not in _admission_plugins(facts):
        return False
    if not any(manifest.fits(facts.version) for manifest in about.manifests):
        return False
    if not about.enabled_by:
        return True
    return bool(label_registry.read(facts.labels, about.enabled_by, str(about.enabled)))


def _admission_plugins(facts: ClusterFacts) -> list[str]:
    return str(label_registry.read(facts.labels, ADMISSION_LABEL, "") or "").split(",")


def _rendered(name: str, about: Description, facts: ClusterFacts) -> Addon:
    prefix = label_registry.read(facts.labels, PREFIX_LABEL, "") or ""
    tags = {image.label: _tag(facts, image.label) for image in about.images.values() if image.label}
    names = {
        image_name: images.reference(image.chosen(facts.version, tags), prefix)
        for image_name, image in about.images.items()
    }
    values = _values(about, facts)
    objects = [
        one
        for manifest in about.manifests
        if manifest.fits(facts.version)
        for one in map(_marked, render(FOLDER / name / manifest.file, values, names))
    ]
    return Addon(
        name=name,
        title=about.title,
        objects=tuple(objects),
        images=tuple(sorted(names.values())),
        before_nodes=bool(about.network_driver or about.admission_plugin),
    )


def _marked(manifest: dict[str, Any]) -> dict[str, Any]:
    metadata = manifest["metadata"]
    return {**manifest, "metadata": {**metadata, "labels": {**metadata.get("labels", {}), **MARK}}}


def _tag(facts: ClusterFacts, label: str) -> str:
    return label_registry.read(facts.labels, label, "") or ""


def _values(about: Description, facts: ClusterFacts) -> dict[str, Any]:
    labels = {label: label_registry.read(facts.labels, label, default) for label, default in about.labels.items()}
    for label, values in about.refused.items():
        if str(labels[label]) in values:
            raise ValueError(f"The label {label} must not be {labels[label]}: {about.title} cannot be run so here.")
    translated = {label: about.translations.get(label, {}).get(str(value), value) for label, value in labels.items()}
    return {
        **translated,
        **(cloud_values(facts.cloud) if facts.cloud else {}),
        "pods": str(facts.pods),
        "dns_domain": facts.dns_domain,
        "dns_service_address": str(dns_service_address(facts.services)),
    }
