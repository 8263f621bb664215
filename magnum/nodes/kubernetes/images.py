"""Which images of containers hold the programs of Kubernetes and etcd, and where what else they need comes from."""

import re
from collections.abc import Sequence

import msgspec

from magnum.nodes.limits import check_form, check_url

from .versions import HYPERKUBE_END, Version

EVERYWHERE = ("kubelet", "kube-proxy")
ON_MASTERS = (*EVERYWHERE, "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
HYPERKUBE_REGISTRY = "docker.io/rancher/"
ETCD_REGISTRY = "quay.io/coreos/"
ETCD_TAG = "v3.4.6"
_PREFIX = re.compile(r"([A-Za-z0-9.:_/\[\]-]{1,255}/)?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Archive(msgspec.Struct, frozen=True):
    """Containerd, runc and plug-ins of networks, for a system that lacks them."""

    url: str
    sha256: str

    def __post_init__(self) -> None:
        check_url("containerd_tarball_url", self.url)
        check_form("containerd_tarball_sha256", _SHA256, self.sha256)


class Images(msgspec.Struct, frozen=True, kw_only=True):
    """Where the images are pulled from. `prefix` is a registry that has them all, and ends with a slash."""

    prefix: str = ""
    hyperkube_prefix: str = HYPERKUBE_REGISTRY
    etcd_tag: str = ETCD_TAG
    containerd: Archive | None = None

    def __post_init__(self) -> None:
        check_form("container_infra_prefix", _PREFIX, self.prefix)
        check_form("hyperkube_prefix", _PREFIX, self.hyperkube_prefix)
        check_form("etcd_tag", _TAG, self.etcd_tag)

    def of(self, program: str, version: Version) -> str:
        """Raise ValueError, in words for the owner, when nobody publishes it and no registry is named that has it."""
        if program == "etcd":
            return f"{self.prefix or ETCD_REGISTRY}etcd:{self.etcd_tag}"
        tag = version.tag.replace("+", "_")
        if version.minor < HYPERKUBE_END:
            return f"{self.prefix or self.hyperkube_prefix}hyperkube:{tag}"
        if not self.prefix:
            raise ValueError(
                f"of Kubernetes {version.tag} nobody publishes an image of the kubelet: name a registry that has one, "
                "by the label container_infra_prefix"
            )
        return f"{self.prefix}{program}:{tag}"

    def all_of(self, programs: Sequence[str], version: Version) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.of(program, version) for program in programs))
