"""What `k8s_debian_v1` provides and accepts; the half that the API loads. No I/O.

Kubernetes on servers of Debian or Ubuntu, made by Heat, always with TLS.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from magnum.addons import rendering
from magnum.drivers.base import Bill, ClusterRequest, ClusterType, Feature, GroupChange, Problem
from magnum.drivers.kubernetes import upgrades
from magnum.drivers.kubernetes.names import PROGRAMS, RELEASE_URL, release_folder
from magnum.drivers.kubernetes.requests import FEATURES
from magnum.drivers.kubernetes.values import LABELS, read_addons, read_values
from magnum.drivers.kubernetes_heat import labels, requests
from magnum.model.clustertemplates import ClusterTemplate, Coe, ServerType

_MACHINE = "x86_64"


class DebianSpec(msgspec.Struct, frozen=True):
    name: str = "k8s_debian_v1"
    provides: frozenset[ClusterType] = frozenset(
        ClusterType(ServerType.VM, system, Coe.KUBERNETES) for system in ("debian", "ubuntu")
    )
    driver_path: str = "magnum.drivers.k8s_debian_v1.driver:make_driver"
    longest_call: float = 120.0
    features: frozenset[Feature] = FEATURES | {Feature.OWNERS_CLOUD}
    labels: Mapping[str, str] = MappingProxyType(LABELS | labels.LABELS)

    def problems(self, request: ClusterRequest) -> Sequence[Problem]:
        return tuple(requests.problems(request))

    def change_problems(
        self, current: ClusterRequest, wanted: ClusterRequest, groups: Sequence[GroupChange]
    ) -> Sequence[Problem]:
        return (*upgrades.problems(current, wanted, groups), *labels.change_problems(current, wanted, groups))

    def bill(self, template: ClusterTemplate) -> Bill:
        values = read_values(template, template.labels)
        pause = values.version.pause_image(template.labels.get(rendering.PREFIX_LABEL))
        folder = release_folder(RELEASE_URL, values.version.tag, _MACHINE)
        return Bill(
            images=(*rendering.bill(read_addons(template, template.labels)), pause),
            files=tuple(f"{folder}/{name}{end}" for name in PROGRAMS for end in ("", ".sha256")),
        )


SPEC = DebianSpec()
