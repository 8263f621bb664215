"""What `fake` provides: clusters of any kind on images of the distribution `fake`. No machine is ever made.

For trying the service out where real machines cannot run, and for tests of scale and of faults.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from magnum.drivers.base import ClusterRequest, ClusterType, Feature, Problem
from magnum.model.clustertemplates import Coe, ServerType

from .behaviour import FAULTS_LABEL, LATENCIES_LABEL, VERSION, VERSION_LABEL, read_behaviour

OS = "fake"


class FakeSpec(msgspec.Struct, frozen=True):
    name: str = "fake"
    provides: frozenset[ClusterType] = frozenset(
        ClusterType(server_type, OS, coe) for server_type in ServerType for coe in Coe
    )
    driver_path: str = "magnum.drivers.fake.driver:FakeDriver"
    longest_call: float = 5.0
    features: frozenset[Feature] = frozenset(Feature) - {Feature.OWNERS_CLOUD, Feature.NODE_TRUSTEE}
    labels: Mapping[str, str] = MappingProxyType({LATENCIES_LABEL: "", FAULTS_LABEL: "", VERSION_LABEL: VERSION})

    def problems(self, request: ClusterRequest) -> Sequence[Problem]:
        problems = []
        for label in (LATENCIES_LABEL, FAULTS_LABEL):
            try:
                read_behaviour({}, (), {label: request.labels.get(label, "")})
            except ValueError as error:
                problems.append(Problem(f"labels/{label}", str(error)))
        return problems


SPEC = FakeSpec()
