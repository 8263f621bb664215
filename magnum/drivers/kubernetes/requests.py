"""What is wrong with a cluster of Kubernetes that is asked for, wherever its nodes run. Pure: the API loads it."""

from collections.abc import Iterator, Sequence

from magnum.addons import rendering
from magnum.drivers.base import ClusterRequest, Feature, Problem
from magnum.drivers.engines import engine_problem
from magnum.nodes.kubernetes.cluster import NetworkDriver

from .values import read_addons

MASTERS = (1, 3, 5)
NETWORK_DRIVERS = tuple(NetworkDriver)
FEATURES = frozenset(
    {Feature.NODE_LABELS, Feature.UPGRADE, Feature.ROTATE_CA, Feature.ROTATE_CREDENTIAL, Feature.MASTER_RESIZE}
)


def problems(request: ClusterRequest, network_drivers: Sequence[NetworkDriver], where: str) -> Iterator[Problem]:
    """`where` ends a sentence that says what is not available, as in "on machines of this host"."""
    template = request.template
    if request.master_count not in MASTERS:
        yield Problem("master_count", f"etcd keeps its majority with {_listed(MASTERS)} masters; use one of these.")
    if template.network_driver not in (None, *network_drivers):
        yield Problem(
            "network_driver",
            f"{template.network_driver} is not available {where}; use {_listed(network_drivers)}.",
        )
        return
    try:
        rendering.wanted(read_addons(template, request.labels))
    except ValueError as error:
        yield engine_problem(error) or Problem("labels", f"{str(error).rstrip('.')}.")


def _listed(choices: Sequence[object]) -> str:
    *some, last = map(str, choices)
    return f"{', '.join(some)} or {last}"
