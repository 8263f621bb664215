"""What `k8s_fedora_coreos_v1` provides and accepts; the half that the API loads. No I/O.

Kubernetes on servers of Fedora CoreOS, made by Heat, always with TLS; its programs run in containers of podman.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from magnum.addons import rendering
from magnum.drivers.base import Bill, ClusterRequest, ClusterType, Feature, GroupChange, Problem
from magnum.drivers.kubernetes import upgrades
from magnum.drivers.kubernetes.requests import FEATURES
from magnum.drivers.kubernetes.values import LABELS, read_addons, read_values
from magnum.drivers.kubernetes_heat import labels as servers
from magnum.drivers.kubernetes_heat import requests
from magnum.model.clustertemplates import ClusterTemplate, Coe, ServerType
from magnum.nodes.kubernetes.images import ON_MASTERS

from . import labels


class FedoraCoreosSpec(msgspec.Struct, frozen=True):
    name: str = "k8s_fedora_coreos_v1"
    provides: frozenset[ClusterType] = frozenset({ClusterType(ServerType.VM, "fedora-coreos", Coe.KUBERNETES)})
    driver_path: str = "magnum.drivers.k8s_fedora_coreos_v1.driver:make_driver"
    longest_call: float = 120.0
    features: frozenset[Feature] = FEATURES | {Feature.OWNERS_CLOUD}
    labels: Mapping[str, str] = MappingProxyType(LABELS | servers.LABELS | labels.LABELS)

    def problems(self, request: ClusterRequest) -> Sequence[Problem]:
        return tuple(requests.problems(request)) or tuple(labels.problems(request.labels))

    def change_problems(
        self, current: ClusterRequest, wanted: ClusterRequest, groups: Sequence[GroupChange]
    ) -> Sequence[Problem]:
        return (
            *upgrades.problems(current, wanted, groups),
            *servers.change_problems(current, wanted, groups),
            *labels.problems(wanted.labels),
        )

    def bill(self, template: ClusterTemplate) -> Bill:
        version = read_values(template, template.labels).version
        images = labels.images_of(template.labels)
        pause = version.pause_image(template.labels.get(rendering.PREFIX_LABEL))
        return Bill(
            images=(
                *rendering.bill(read_addons(template, template.labels)),
                *images.all_of(ON_MASTERS, version),
                pause,
            ),
            files=(images.containerd.url,) if images.containerd else (),
        )


SPEC = FedoraCoreosSpec()
