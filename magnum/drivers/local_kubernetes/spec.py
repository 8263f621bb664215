"""What `local_kubernetes` provides and accepts; the half that the API loads. No I/O.

Kubernetes on Debian machines of this host, always with TLS.
"""

import platform
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from magnum.addons import rendering
from magnum.drivers.base import Bill, ClusterRequest, ClusterType, Feature, GroupChange, Problem
from magnum.drivers.kubernetes import requests, upgrades
from magnum.drivers.kubernetes.names import PROGRAMS, RELEASE_URL, release_folder
from magnum.drivers.kubernetes.values import LABELS, read_addons, read_values
from magnum.drivers.local_templates import common_problems
from magnum.model.clustertemplates import ClusterTemplate, Coe, ServerType


class LocalKubernetesSpec(msgspec.Struct, frozen=True):
    name: str = "local_kubernetes"
    provides: frozenset[ClusterType] = frozenset({ClusterType(ServerType.VM, "debian", Coe.KUBERNETES)})
    driver_path: str = "magnum.drivers.local_kubernetes.driver:make_driver"
    longest_call: float = 30.0
    features: frozenset[Feature] = requests.FEATURES
    labels: Mapping[str, str] = MappingProxyType(LABELS)

    def problems(self, request: ClusterRequest) -> Sequence[Problem]:
        return tuple(_problems(request))

    def change_problems(
        self, current: ClusterRequest, wanted: ClusterRequest, groups: Sequence[GroupChange]
    ) -> Sequence[Problem]:
        return tuple(upgrades.problems(current, wanted, groups))

    def bill(self, template: ClusterTemplate) -> Bill:
        """List images, and programs as a release has them: where there are some already they are not fetched."""
        tag = read_values(template, template.labels).version.tag
        folder = release_folder(RELEASE_URL, tag, platform.machine())
        return Bill(
            images=rendering.bill(read_addons(template, template.labels)),
            files=tuple(f"{folder}/{name}{end}" for name in PROGRAMS for end in ("", ".sha256")),
        )


def _problems(request: ClusterRequest) -> Iterator[Problem]:
    yield from common_problems(request.template)
    if request.template.registry_enabled:
        yield Problem("registry_enabled", "There is no object store on this host for a registry to keep images in.")
    yield from requests.problems(request, requests.NETWORK_DRIVERS, "on machines of this host")


SPEC = LocalKubernetesSpec()
