"""The I/O half of `local_kubernetes`: Kubernetes, as everywhere, on machines of this host."""

from typing import TYPE_CHECKING, cast

from magnum.drivers.base import DriverServices
from magnum.drivers.kubernetes.driver import KubernetesDriver, Limits, etcd_clients
from magnum.drivers.kubernetes.nodes import Nodes
from magnum.drivers.local.host import LocalHost
from magnum.drivers.local.settings import LocalSettings
from magnum.openstack.catalogue import load_catalogue

from .infrastructure import LocalInfrastructure, LocalSite
from .machines import MachinePrograms
from .programs import ProgramsSource

if TYPE_CHECKING:
    from magnum.conf.settings import Settings

NO_IMAGE = (
    "Let the machines reach the registry, name a mirror by the label container_infra_prefix, or put an archive of the "
    "image into [kubernetes] images_dir, then retry; or use a template with the network_driver bridge, which needs no "
    "image."
)


def make_driver(services: DriverServices) -> KubernetesDriver:
    settings = cast("Settings", services.settings)
    host = LocalHost(LocalSettings.of(settings.local))
    source = ProgramsSource(
        cache_dir=settings.local.cache_dir,
        binaries_dir=settings.kubernetes.binaries_dir,
        release_url=settings.kubernetes.release_url,
    )
    etcd = etcd_clients()
    nodes = Nodes(LocalSite(host, watches_images=settings.kubernetes.images_dir is not None), etcd)
    programs = MachinePrograms(source, nodes.version, settings.kubernetes.images_dir)
    catalogue = load_catalogue(settings.local.catalogue)
    infrastructure = LocalInfrastructure(host, services.node_listeners, catalogue, nodes, programs)
    limits = Limits(
        drain=settings.kubernetes.drain_timeout, network=settings.kubernetes.network_patience, no_image=NO_IMAGE
    )
    return KubernetesDriver(infrastructure, nodes, etcd, limits)
