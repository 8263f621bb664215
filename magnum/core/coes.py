"""What each container orchestration engine can be combined with: network drivers and volume drivers.

The operator's allow lists are in section [cluster_template]; a driver may refuse more for its own reasons.
"""

import msgspec

from magnum.conf.cluster_template import ClusterTemplate as Options
from magnum.model.clustertemplates import Coe

from .errors import InvalidRequest

ALL = "all"


class Engine(msgspec.Struct, frozen=True):
    """`options` is the word with which the engine's options in [cluster_template] begin."""

    network_drivers: tuple[str, ...]
    volume_drivers: tuple[str, ...]
    options: str

    def allowed_network_drivers(self, options: Options) -> tuple[str, ...]:
        allowed: tuple[str, ...] = getattr(options, f"{self.options}_allowed_network_drivers")
        return tuple(name for name in self.network_drivers if ALL in allowed or name in allowed)

    def default_network_driver(self, options: Options) -> str:
        return str(getattr(options, f"{self.options}_default_network_driver"))


ENGINES = {
    Coe.KUBERNETES: Engine(("flannel", "calico", "cilium", "bridge"), ("cinder",), "kubernetes"),
    Coe.SWARM: Engine(("docker", "flannel"), ("rexray",), "swarm"),
    Coe.SWARM_MODE: Engine(("docker", "flannel"), ("rexray",), "swarm"),
    Coe.MESOS: Engine(("docker",), ("rexray",), "mesos"),
}


def find_engine(coe: str) -> Engine:
    engine = next((engine for name, engine in ENGINES.items() if name == coe), None)
    if engine is None:
        raise InvalidRequest(f"The COE {coe} is not supported; supported are {', '.join(ENGINES)}.")
    return engine


def choose_network_driver(coe: str, asked: str | None, options: Options) -> str:
    """Give the network driver to store: the one asked for, or the operator's default."""
    engine = find_engine(coe)
    chosen = asked or engine.default_network_driver(options)
    allowed = engine.allowed_network_drivers(options)
    if chosen not in engine.network_drivers:
        raise InvalidRequest(
            f"The network_driver {chosen} is not supported for {coe}; "
            f"supported are {', '.join(engine.network_drivers)}."
        )
    if chosen not in allowed:
        raise InvalidRequest(
            f"The network_driver {chosen} is not allowed here for {coe}; allowed are {', '.join(allowed) or 'none'}."
        )
    return chosen


def check_volume_driver(coe: str, asked: str | None) -> None:
    supported = find_engine(coe).volume_drivers
    if asked is not None and asked not in supported:
        raise InvalidRequest(
            f"The volume_driver {asked} is not supported for {coe}; supported are {', '.join(supported)}."
        )
