"""The I/O half of `k8s_debian_v1`: Kubernetes on servers of Debian or Ubuntu that Heat makes."""

from magnum.drivers.kubernetes.driver import KubernetesDriver
from magnum.drivers.kubernetes_heat.assembly import heat_driver
from magnum.drivers.kubernetes_heat.system import System
from magnum.drivers.services import DriverServices
from magnum.nodes.data import Platform


def make_driver(services: DriverServices) -> KubernetesDriver:
    return heat_driver(services, System(platform=Platform.DEBIAN))
