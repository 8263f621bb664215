"""The I/O half of `local_kubernetes`: which steps make, change and delete a cluster on machines of this host.

The machines' steps are those of `magnum.drivers.local.steps`; what they are made with is in `machines`, and the
cluster's own steps are in `kubernetes`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from magnum.addons.rendering import ClusterFacts
from magnum.coe.etcd import EtcdClient
from magnum.coe.kubernetes import KubernetesClient
from magnum.drivers.addons import AddonSteps
from magnum.drivers.base import DriverContext, DriverServices, LookContext, Observation, RotationPhase, Step
from magnum.drivers.local.host import LocalHost
from magnum.drivers.local.settings import LocalSettings
from magnum.drivers.local.steps import TAKE_DOWN_LIMIT, LocalSteps
from magnum.drivers.node_certificates import NodeCertificates
from magnum.model.health import Health
from magnum.model.ledger import CloudResource
from magnum.model.nodes import Node
from magnum.model.outcomes import Outcome
from magnum.openstack.catalogue import load_catalogue

from .etcd import Etcd, joins
from .kubernetes import CALL_TIMEOUT, Kubernetes
from .load_balancer import LoadBalancer
from .machines import DOWNLOAD_LIMIT, KubernetesMachines
from .masters import Masters
from .programs import ProgramsSource
from .roll import ROLL_LIMIT, Roll
from .values import read_addons

if TYPE_CHECKING:
    from magnum.conf.settings import Settings


ADDONS_LIMIT = 300.0
ADDONS_PATIENCE = 5.0
"""Seconds that a create waits for add-ons to run: their images may have to be pulled, or cannot be."""
NO_IMAGE = (
    "Let the machines reach the registry, name a mirror by the label container_infra_prefix, or put an archive of the "
    "image into [kubernetes] images_dir, then retry; or use a template with the network_driver bridge, which needs no "
    "image."
)


def _addon_facts(context: DriverContext) -> ClusterFacts:
    return read_addons(context.template, context.cluster.labels)


class LocalKubernetesDriver:
    def __init__(self, services: DriverServices) -> None:
        settings = cast("Settings", services.settings)
        host = LocalHost(LocalSettings.of(settings.local))
        programs = ProgramsSource(
            cache_dir=settings.local.cache_dir,
            binaries_dir=settings.kubernetes.binaries_dir,
            release_url=settings.kubernetes.release_url,
        )
        etcd = Etcd(lambda addresses, tls: EtcdClient(addresses, tls, timeout=CALL_TIMEOUT))
        self._machines = KubernetesMachines(host, programs, etcd, settings.kubernetes.images_dir)
        self._kubernetes = Kubernetes(
            lambda address, tls: KubernetesClient(address, tls, timeout=CALL_TIMEOUT),
            self._machines.cluster,
            drain_limit=settings.kubernetes.drain_timeout,
        )
        self._addons = AddonSteps(
            self._kubernetes.client,
            _addon_facts,
            call_timeout=CALL_TIMEOUT,
            patience=ADDONS_PATIENCE,
            network_patience=settings.kubernetes.network_patience,
            no_image=NO_IMAGE,
        )
        self._certificates = NodeCertificates(self._kubernetes.client, call_timeout=CALL_TIMEOUT)
        self._local = LocalSteps(
            host, services.node_listeners, load_catalogue(settings.local.catalogue), self._machines.plan()
        )
        self._masters = Masters(self._local, LoadBalancer(self._machines, self._local), etcd)
        self._rolling = Roll(self._local, self._kubernetes, self._machines.version)

    def create_steps(self, context: DriverContext) -> Sequence[Step]:
        return (
            Step("programs", self._machines.programs, DOWNLOAD_LIMIT),
            Step("network", self._local.network),
            *self._local.clearing(context),
            Step("machines", self._begin_together),
            Step("load balancer", self._masters.balance),
            *self._joining(),
            *self._with_addons(),
        )

    def upgrade_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return (
            Step("programs", self._machines.programs, DOWNLOAD_LIMIT),
            Step("versions", self._rolling.check),
            Step("masters", self._rolling.masters, ROLL_LIMIT),
            Step("workers", self._rolling.workers, ROLL_LIMIT),
            *self._settling(),
            *self._with_addons(),
        )

    def resize_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return (
            Step("programs", self._machines.programs, DOWNLOAD_LIMIT),
            Step("look at etcd", self._masters.check),
            Step("machines", self._begin_together),
            *self._joining(),
            Step("load balancer", self._masters.balance),
            Step("look for work", self._kubernetes.warn),
            Step("drain", self._kubernetes.drain),
            *self._leaving(),
            Step("take machines down", self._local.delete_nodes, TAKE_DOWN_LIMIT),
        )

    def rotate_ca_steps(self, context: DriverContext, phase: RotationPhase) -> Sequence[Step]:
        """Pods of add-ons believe for all their life what they were given at its beginning."""
        del context
        steps = self._certificates.steps(phase)
        if phase is RotationPhase.TRUST:
            return (*steps, Step("restart add-ons", self._addons.restart, ADDONS_LIMIT))
        return steps

    def rotate_credential_steps(self, context: DriverContext) -> Sequence[Step]:
        """All that nodes prove themselves with, anew; under the same authorities."""
        del context
        return self._certificates.steps(RotationPhase.RENEW)

    def heal_steps(self, context: DriverContext) -> Sequence[Step]:
        """What is dead is cut off first: it may be only out of sight, and still be writing somewhere."""
        del context
        return (
            Step("programs", self._machines.programs, DOWNLOAD_LIMIT),
            Step("look at etcd", self._masters.check),
            Step("cut dead machines off", self._local.take_down, TAKE_DOWN_LIMIT),
            *self._leaving(),
            Step("take machines down", self._local.delete_nodes, TAKE_DOWN_LIMIT),
            Step("machines", self._begin_together),
            *self._joining(),
            Step("load balancer", self._masters.balance),
        )

    def delete_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return self._local.delete_steps()

    def removal_order(self, context: DriverContext, nodes: Sequence[Node]) -> Sequence[Node]:
        return self._kubernetes.removal_order(context, nodes)

    def observe(self, context: DriverContext) -> Observation:
        return self._kubernetes.observe(context)

    def health(self, context: LookContext) -> Health:
        return self._kubernetes.health(context)

    def linger(self, context: DriverContext) -> Sequence[CloudResource]:
        return self._local.linger(context)

    def resume(self) -> None:
        self._local.resume()

    def _begin_together(self, context: DriverContext) -> Outcome:
        """Boot all but the masters that come later, each in its turn."""
        return self._local.machines(context, lambda node: not joins(context, node))

    def _leaving(self) -> tuple[Step, ...]:
        return (Step("leave", self._kubernetes.leave), Step("leave etcd", self._masters.leave))

    def _joining(self) -> tuple[Step, ...]:
        return (
            Step("masters", self._masters.join),
            Step("node set-up", self._local.reports),
            *self._settling(),
        )

    def _settling(self) -> tuple[Step, ...]:
        return (
            Step("API", self._kubernetes.api),
            Step("pod network", self._addons.bring_network, ADDONS_LIMIT),
            Step("ready", self._addons.networked(self._kubernetes.ready)),
        )

    def _with_addons(self) -> tuple[Step, ...]:
        return (
            Step("add-ons", self._addons.bring, ADDONS_LIMIT),
            Step("look at add-ons", self._addons.tell),
        )
