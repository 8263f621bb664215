"""A driver for tests: clusters that are stacks of Heat and nothing more, so that the lab's servers are enough for them.

It makes stacks as the real drivers do. A node is a member when its wait condition is met; who meets it is the test.
It is found by its entry point, by processes that have this folder in PYTHONPATH.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from magnum.drivers.base import ClusterRequest, ClusterType, Feature, Problem


class StackSpec(msgspec.Struct, frozen=True):
    name: str = "stacks"
    provides: frozenset[ClusterType] = frozenset({ClusterType("vm", "debian", "mesos")})
    driver_path: str = "stack_driver:StackDriver"
    longest_call: float = 15.0
    features: frozenset[Feature] = frozenset({Feature.OWNERS_CLOUD})
    labels: Mapping[str, str] = MappingProxyType({"wait_condition_timeout": "600"})

    def problems(self, request: ClusterRequest) -> Sequence[Problem]:
        del request
        return ()


SPEC = StackSpec()
