"""A driver of Kubernetes on Heat, put together; drivers of single systems say only what is their own."""

from typing import TYPE_CHECKING, Any, cast

from magnum.drivers.heat.leftovers import Leftovers
from magnum.drivers.heat.stacks import Stacks
from magnum.drivers.heat.watch import open_watch
from magnum.drivers.kubernetes.driver import KubernetesDriver, Limits, etcd_clients
from magnum.drivers.kubernetes.nodes import Nodes
from magnum.drivers.services import DriverServices
from magnum.model.failures import Code, Fatal

from .infrastructure import HeatInfrastructure
from .sight import Sight
from .surroundings import Surroundings
from .system import System
from .user_data import UserDataMaker

if TYPE_CHECKING:
    from magnum.conf.settings import Settings
    from magnum.openstack.clouds import Clouds

NO_IMAGE = "Let the servers reach the registry, or name a mirror by the label container_infra_prefix, then retry."


class _Nowhere:
    """Stands for the cloud where there is none: every driver is made on every conductor."""

    def __getattr__(self, name: str) -> Any:
        raise Fatal(
            Code.PROVIDER_REFUSED, "This service has no Keystone to reach a cloud by: see [keystone_authtoken]."
        )


def heat_driver(services: DriverServices, system: System) -> KubernetesDriver:
    settings = cast("Settings", services.settings)
    clouds = services.clouds or cast("Clouds", _Nowhere())
    watch = open_watch(settings, clouds)
    stacks = Stacks(clouds, watch)
    sight = Sight(clouds, stacks, watch)
    surroundings = Surroundings(settings, clouds, sight, system)
    etcd = etcd_clients()
    nodes = Nodes(sight.site, etcd, surroundings.fit)
    infrastructure = HeatInfrastructure(
        settings=settings,
        stacks=stacks,
        sight=sight,
        nodes=nodes,
        surroundings=surroundings,
        user_data=UserDataMaker(nodes, surroundings, system),
        leftovers=Leftovers(clouds, patience=settings.cluster.pre_delete_lb_timeout),
    )
    limits = Limits(
        drain=settings.kubernetes.drain_timeout, network=settings.kubernetes.network_patience, no_image=NO_IMAGE
    )
    return KubernetesDriver(infrastructure, nodes, etcd, limits)
