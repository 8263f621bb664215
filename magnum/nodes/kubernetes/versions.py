"""The one table of what changed between versions of Kubernetes, as far as a node's files depend on it.

Each row says from which minor version of 1.x on something is so. What is not in here is the same in all of them. A
version that is newer than the newest one known is taken to be like that one.
"""

import re
from typing import Self, TypeVar

import msgspec

OLDEST = 20
NEWEST = 37
_TAG = re.compile(r"v1\.(0|[1-9][0-9]?)\.(0|[1-9][0-9]{0,2})((?:-[a-z]+\.[0-9]{1,3})?(?:[+_-][0-9A-Za-z.]{1,32})?)")

_T = TypeVar("_T")

SCHEDULER_CONFIGURATION = {20: "v1beta1", 22: "v1beta2", 23: "v1beta3", 25: "v1"}
"""kubescheduler.config.k8s.io"""
SCHEDULER_ADDRESSES_END = 23
"""From here on the scheduler's configuration has no addresses without TLS; before, they are kept to the node itself."""
AUTHENTICATION_CONFIGURATION = {20: None, 32: "v1beta1", 34: "v1"}
"""apiserver.config.k8s.io, once it can say which paths are answered without a credential."""
CONTROL_PLANE = {20: ("master",), 24: ("master", "control-plane"), 25: ("control-plane",)}
"""What node-role.kubernetes.io/… a node of the control plane has as taints; the label `control-plane` is older."""
PAUSE = {20: "3.2", 21: "3.4.1", 22: "3.5", 23: "3.6", 24: "3.7", 25: "3.8", 26: "3.9", 31: "3.10", 34: "3.10.1"}
HYPERKUBE_END = 33
"""From here on nobody publishes an image of all programs; before, some have gone on after the project itself."""
PROJECT_REGISTRY = "registry.k8s.io/"

INSECURE_PORTS_END = 24
"""From here on the API server has no --insecure-port, and controller manager and scheduler no --port."""
RUNTIME_IS_REMOTE = 24
"""From here on there is no kubelet but those that speak CRI, and none needs to be told."""
RUNTIME_ENDPOINT_IN_FILE = 27
"""From here on the kubelet's configuration says where the runtime is."""
TAINTS_IN_FILE = 23
"""From here on the kubelet's configuration holds the taints that it registers its node with."""
PAUSE_FLAG_ENDS = 35
"""From here on the kubelet has no --pod-infra-container-image: the runtime says what it must not collect."""
OLDER_KUBELETS = {20: 2, 25: 3}
"""By how many minor versions a kubelet may be older than the API servers; none may be newer."""
ADMISSION_PLUGINS_END = {
    "DenyEscalatingExec": 21,
    "DenyExecOnPrivileged": 21,
    "PodSecurityPolicy": 25,
    "SecurityContextDeny": 30,
    "PersistentVolumeLabel": 31,
}
"""From here on an API server does not start that is asked for one of these."""


class Version(msgspec.Struct, frozen=True, order=True):
    """A version of Kubernetes: `tag` as releases are tagged, `minor` and `patch` of 1.minor.patch."""

    minor: int
    patch: int
    tag: str

    @classmethod
    def parse(cls, tag: str) -> Self:
        """Read a tag, `v1.20.2`. Raises ValueError in words for whoever gave it."""
        found = _TAG.fullmatch(tag if tag.startswith("v") else f"v{tag}")
        if found is None:
            raise ValueError(f"{tag[:64]!r} is no version of Kubernetes; one is written like v1.{NEWEST}.0")
        minor = int(found[1])
        if minor < OLDEST:
            raise ValueError(f"Kubernetes {tag} is older than v1.{OLDEST}, the oldest that is supported")
        return cls(minor, int(found[2]), found[0])

    def of(self, table: dict[int, _T]) -> _T:
        """Look up what holds for this version: the row with the largest minor version that is not beyond it."""
        return table[max(since for since in table if since <= self.minor)]

    def pause_image(self, prefix: str | None = None) -> str:
        """Give the image of a pod's first container, from the project's own registry unless from somewhere else."""
        return f"{prefix or PROJECT_REGISTRY}pause:{self.of(PAUSE)}"

    @property
    def control_plane_roles(self) -> tuple[str, ...]:
        return self.of(CONTROL_PLANE)

    @property
    def control_plane_labels(self) -> dict[str, str]:
        roles = dict.fromkeys(("control-plane", *self.control_plane_roles))
        return {f"node-role.kubernetes.io/{role}": "" for role in sorted(roles)}

    @property
    def control_plane_taints(self) -> tuple[dict[str, str], ...]:
        return tuple(
            {"key": f"node-role.kubernetes.io/{role}", "effect": "NoSchedule"} for role in self.control_plane_roles
        )
