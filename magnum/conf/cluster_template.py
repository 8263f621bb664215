"""[cluster_template]: network drivers that templates may name, and those they get if they name none.

The lists are read once. `all` stands for every one that the driver supports.
"""

from typing import Annotated

import msgspec

from .options import Option


def _old(name: str) -> tuple[str, str]:
    return ("baymodel", name)


class ClusterTemplate(msgspec.Struct, frozen=True, kw_only=True):
    kubernetes_allowed_network_drivers: Annotated[
        tuple[str, ...],
        Option("Network drivers allowed for Kubernetes.", old=_old("kubernetes_allowed_network_drivers")),
    ] = ("all",)
    kubernetes_default_network_driver: Annotated[
        str, Option("Network driver of Kubernetes by default.", old=_old("kubernetes_default_network_driver"))
    ] = "flannel"
    swarm_allowed_network_drivers: Annotated[
        tuple[str, ...], Option("Network drivers allowed for Swarm.", old=_old("swarm_allowed_network_drivers"))
    ] = ("all",)
    swarm_default_network_driver: Annotated[
        str, Option("Network driver of Swarm by default.", old=_old("swarm_default_network_driver"))
    ] = "docker"
    mesos_allowed_network_drivers: Annotated[
        tuple[str, ...], Option("Network drivers allowed for Mesos.", old=_old("mesos_allowed_network_drivers"))
    ] = ("all",)
    mesos_default_network_driver: Annotated[
        str, Option("Network driver of Mesos by default.", old=_old("mesos_default_network_driver"))
    ] = "docker"
