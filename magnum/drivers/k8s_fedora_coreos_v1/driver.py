"""The I/O half of `k8s_fedora_coreos_v1`: Kubernetes on servers of Fedora CoreOS that Heat makes.

Who may log in as `core`, the system asks Nova itself: with the key that servers are made with.
"""

from collections.abc import Mapping

from magnum.drivers.kubernetes.driver import KubernetesDriver
from magnum.drivers.kubernetes_heat.assembly import heat_driver
from magnum.drivers.kubernetes_heat.system import System
from magnum.drivers.services import DriverServices
from magnum.nodes.data import Platform
from magnum.nodes.ignition import Ignition

from .labels import given, images_of


def _form(labels: Mapping[str, str]) -> Ignition:
    return Ignition(selinux=given(labels, "selinux_mode"))


SYSTEM = System(platform=Platform.FEDORA_COREOS, form=_form, images=images_of)


def make_driver(services: DriverServices) -> KubernetesDriver:
    return heat_driver(services, SYSTEM)
