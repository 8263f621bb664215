"""The labels that take effect on Fedora CoreOS alone, and what they say of images. Pure: the API loads it."""

from collections.abc import Iterator, Mapping

from magnum.addons.rendering import PREFIX_LABEL
from magnum.drivers.base import Problem
from magnum.drivers.kubernetes.values import LABELS as KUBERNETES
from magnum.drivers.kubernetes.values import VERSION_LABEL
from magnum.nodes.kubernetes.images import ETCD_TAG, HYPERKUBE_REGISTRY, Archive, Images
from magnum.nodes.kubernetes.versions import Version

_VERSION = "containerd_version"
_URL = "containerd_tarball_url"
_SHA256 = "containerd_tarball_sha256"
LABELS = {
    _SHA256: "96641849cb78a0a119223a427dfdc1ade88412ef791a14193212c8c8e29d447b",
    _URL: "",
    _VERSION: "1.4.4",
    "etcd_tag": ETCD_TAG,
    "hyperkube_prefix": HYPERKUBE_REGISTRY,
    "selinux_mode": "enforcing",
}
_PUBLISHED = "https://github.com/containerd/containerd/releases/download/v{0}/cri-containerd-cni-{0}-linux-amd64.tar.gz"


def given(labels: Mapping[str, str], name: str) -> str:
    return labels.get(name) or LABELS[name]


def images_of(labels: Mapping[str, str]) -> Images:
    """Raise ValueError, in words for the owner, when a label cannot be."""
    return Images(
        prefix=labels.get(PREFIX_LABEL, ""),
        hyperkube_prefix=given(labels, "hyperkube_prefix"),
        etcd_tag=given(labels, "etcd_tag"),
        containerd=Archive(
            url=given(labels, _URL) or _PUBLISHED.format(given(labels, _VERSION)), sha256=given(labels, _SHA256)
        ),
    )


def problems(labels: Mapping[str, str]) -> Iterator[Problem]:
    try:
        images = images_of(labels)
        version = Version.parse(labels.get(VERSION_LABEL) or KUBERNETES[VERSION_LABEL])
        image = images.of("kubelet", version)
    except ValueError as error:
        yield Problem("labels", f"{str(error).rstrip('.')}.")
        return
    if image.startswith(HYPERKUBE_REGISTRY) and "-rancher" not in version.tag:
        yield Problem(
            "labels",
            f"{image} is not published: there, tags are written like v1.23.3-rancher1. Name one of them by the label "
            "kube_tag, or a registry that has this image by container_infra_prefix or hyperkube_prefix.",
        )
    if given(labels, _VERSION) != LABELS[_VERSION] and not labels.get(_SHA256):
        yield Problem("labels", f"{_VERSION} needs {_SHA256}, the digest of that version's archive.")
