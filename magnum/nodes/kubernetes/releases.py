"""Where a node fetches the programs of Kubernetes from, and by which digests it knows them to be those."""

import re

import msgspec

from magnum.nodes.limits import check_form, check_url

PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
_ARCHITECTURE = re.compile(r"[a-z0-9]{1,16}")
_NAME = re.compile(r"[a-z0-9-]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Program(msgspec.Struct, frozen=True):
    architecture: str
    """As releases have it: amd64."""
    name: str
    sha256: str

    def __post_init__(self) -> None:
        check_form("architecture", _ARCHITECTURE, self.architecture)
        check_form("name", _NAME, self.name)
        check_form("sha256", _SHA256, self.sha256)

    def line(self) -> str:
        return f"{self.architecture}|{self.name}|{self.sha256}"


class Release(msgspec.Struct, frozen=True):
    """`folder` is the URL under which each architecture has a folder with its programs."""

    folder: str
    programs: tuple[Program, ...]

    def __post_init__(self) -> None:
        check_url("release", self.folder)
