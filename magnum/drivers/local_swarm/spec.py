"""What `local_swarm` provides and accepts; the half that the API loads. No I/O.

Swarm mode on Debian machines of this host, always with TLS: an engine without it would give this host's root to whoever
reaches the port.
"""

from collections.abc import Iterator, Sequence

import msgspec

from magnum.drivers.base import ClusterRequest, ClusterType, Feature, Problem
from magnum.model.clustertemplates import ClusterTemplate, Coe, ServerType
from magnum.nodes.data import Engine

STORAGE_DRIVERS = frozenset({None, "overlay2", "overlay"})


class LocalSwarmSpec(msgspec.Struct, frozen=True):
    name: str = "local_swarm"
    provides: frozenset[ClusterType] = frozenset({ClusterType(ServerType.VM, "debian", Coe.SWARM_MODE)})
    driver_path: str = "magnum.drivers.local_swarm.driver:LocalSwarmDriver"
    longest_call: float = 30.0
    features: frozenset[Feature] = frozenset()
    labels: dict[str, str] = {}

    def problems(self, request: ClusterRequest) -> Sequence[Problem]:
        return tuple(_problems(request))


def _problems(request: ClusterRequest) -> Iterator[Problem]:
    template = request.template
    if request.master_count % 2 == 0:
        yield Problem(
            "master_count",
            f"{request.master_count} managers stand a failure no better than {request.master_count - 1}: "
            "a swarm needs an odd number of them.",
        )
    if template.tls_disabled:
        yield Problem("tls_disabled", "This driver makes no clusters without TLS; use a template with TLS enabled.")
    if template.docker_storage_driver not in STORAGE_DRIVERS:
        yield Problem(
            "docker_storage_driver",
            f"{template.docker_storage_driver} is not available on machines of this host; use overlay2.",
        )
    if template.volume_driver is not None:
        yield Problem("volume_driver", f"{template.volume_driver} is not available on machines of this host.")
    try:
        engine_of(template)
    except ValueError as error:
        field = str(error).partition(" ")[0]
        yield Problem("insecure_registry" if field == "insecure_registries" else field, f"{error}.")


def engine_of(template: ClusterTemplate) -> Engine:
    """Say how the nodes' engines are configured. Raises ValueError naming the value that a node cannot be given."""
    return Engine(
        storage_driver=template.docker_storage_driver,
        insecure_registries=tuple(filter(None, map(str.strip, (template.insecure_registry or "").split(",")))),
        http_proxy=template.http_proxy,
        https_proxy=template.https_proxy,
        no_proxy=template.no_proxy,
    )


SPEC = LocalSwarmSpec()
