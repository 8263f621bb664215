"""What `local_swarm` provides and accepts; the half that the API loads. No I/O.

Swarm mode on Debian machines of this host, always with TLS: an engine without it would give this host's root to whoever
reaches the port.
"""

from collections.abc import Iterator, Sequence

import msgspec

from magnum.drivers.base import ClusterRequest, ClusterType, Feature, Problem
from magnum.drivers.engines import engine_of, engine_problem
from magnum.drivers.local_templates import common_problems
from magnum.model.clustertemplates import Coe, ServerType


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
    yield from common_problems(template)
    try:
        engine_of(template)
    except ValueError as error:
        if problem := engine_problem(error):
            yield problem


SPEC = LocalSwarmSpec()
