"""What `local_kubernetes` provides and accepts; the half that the API loads. No I/O.

Kubernetes on Debian machines of this host, always with TLS.
"""

import platform
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from magnum.addons import rendering
from magnum.drivers.base import Bill, ClusterRequest, ClusterType, Feature, GroupChange, Problem
from magnum.drivers.engines import engine_problem
from magnum.drivers.kubernetes import upgrades
from magnum.drivers.kubernetes.names import PROGRAMS, RELEASE_URL, release_folder
from magnum.drivers.kubernetes.values import LABELS, read_addons, read_values
from magnum.drivers.local_templates import common_problems
from magnum.model.clustertemplates import ClusterTemplate, Coe, ServerType
from magnum.nodes.kubernetes.cluster import NetworkDriver

MASTERS = (1, 3, 5)
NETWORK_DRIVERS = tuple(NetworkDriver)


class LocalKubernetesSpec(msgspec.Struct, frozen=True):
    name: str = "local_kubernetes"
    provides: frozenset[ClusterType] = frozenset({ClusterType(ServerType.VM, "debian", Coe.KUBERNETES)})
    driver_path: str = "magnum.drivers.local_kubernetes.driver:make_driver"
    longest_call: float = 30.0
    features: frozenset[Feature] = frozenset(
        {Feature.NODE_LABELS, Feature.UPGRADE, Feature.ROTATE_CA, Feature.ROTATE_CREDENTIAL, Feature.MASTER_RESIZE}
    )
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
    template = request.template
    if request.master_count not in MASTERS:
        yield Problem("master_count", f"etcd keeps its majority with {_listed(MASTERS)} masters; use one of these.")
    yield from common_problems(template)
    if template.registry_enabled:
        yield Problem("registry_enabled", "There is no object store on this host for a registry to keep images in.")
    if template.network_driver not in (None, *NETWORK_DRIVERS):
        yield Problem(
            "network_driver",
            f"{template.network_driver} is not available on machines of this host; use {_listed(NETWORK_DRIVERS)}.",
        )
        return
    try:
        rendering.wanted(read_addons(template, request.labels))
    except ValueError as error:
        yield engine_problem(error) or Problem("labels", f"{str(error).rstrip('.')}.")


def _listed(choices: Sequence[object]) -> str:
    *some, last = map(str, choices)
    return f"{', '.join(some)} or {last}"


SPEC = LocalKubernetesSpec()
