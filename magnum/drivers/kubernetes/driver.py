"""Which steps make, change and delete a cluster of Kubernetes, on whatever its nodes run on.

What is asked of that is in `infrastructure`; what is done through the cluster's own API, in `kubernetes`, `masters` and
`roll`. A driver is one of these with an infrastructure.
"""

from collections.abc import Sequence

import msgspec

from magnum.addons.rendering import ClusterFacts
from magnum.coe.etcd import EtcdClient
from magnum.coe.kubernetes import KubernetesClient
from magnum.drivers.addons import AddonSteps
from magnum.drivers.base import DriverContext, LookContext, Observation, RotationPhase, Step
from magnum.drivers.node_certificates import NodeCertificates
from magnum.model.health import Health
from magnum.model.ledger import CloudResource
from magnum.model.nodes import Node
from magnum.model.operations import CreateCluster
from magnum.model.outcomes import Outcome

from .etcd import Etcd, joins
from .infrastructure import Infrastructure
from .kubernetes import CALL_TIMEOUT, Kubernetes
from .masters import Masters
from .nodes import Nodes
from .roll import ROLL_LIMIT, Roll
from .values import read_addons

PREPARE_LIMIT = 1800.0
"""Seconds for one run of the first step: programs may have to be downloaded to this host."""
TAKE_DOWN_LIMIT = 300.0
"""Seconds for one run of a step that removes disks: those of many machines full of images take their time."""
ADDONS_LIMIT = 300.0
ADDONS_PATIENCE = 5.0
"""Seconds that a create waits for add-ons to run: their images may have to be pulled, or cannot be."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """For how many seconds work may move off a node, and the network of pods may fail to get its images."""

    drain: int
    network: float
    no_image: str
    """What can be done where images cannot be had."""


def etcd_clients() -> Etcd:
    return Etcd(lambda addresses, tls: EtcdClient(addresses, tls, timeout=CALL_TIMEOUT))


class KubernetesDriver:
    def __init__(self, infrastructure: Infrastructure, nodes: Nodes, etcd: Etcd, limits: Limits) -> None:
        self._infrastructure = infrastructure
        self._kubernetes = Kubernetes(
            lambda address, tls: KubernetesClient(address, tls, timeout=CALL_TIMEOUT),
            nodes.cluster,
            drain_limit=limits.drain,
        )
        self._addons = AddonSteps(
            self._kubernetes.client,
            _addon_facts,
            call_timeout=CALL_TIMEOUT,
            patience=ADDONS_PATIENCE,
            network_patience=limits.network,
            no_image=limits.no_image,
        )
        self._certificates = NodeCertificates(self._kubernetes.client, call_timeout=CALL_TIMEOUT)
        self._masters = Masters(infrastructure, etcd)
        self._rolling = Roll(infrastructure, self._kubernetes, nodes.version)

    def create_steps(self, context: DriverContext) -> Sequence[Step]:
        again = context.operation.arguments == CreateCluster(again=True)
        lost = Step("take lost machines down", self._infrastructure.remove, TAKE_DOWN_LIMIT)
        return (
            Step("programs", self._infrastructure.prepare, PREPARE_LIMIT),
            Step("network", self._infrastructure.network),
            *([lost] if again else []),  # none of them was ever a member
            *self._beginning(),
            Step("load balancer", self._masters.balance),
            *self._joining(),
            *self._with_addons(),
        )

    def upgrade_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return (
            Step("programs", self._infrastructure.prepare, PREPARE_LIMIT),
            Step("versions", self._rolling.check),
            Step("masters", self._rolling.masters, ROLL_LIMIT),
            Step("workers", self._rolling.workers, ROLL_LIMIT),
            *self._settling(),
            *self._with_addons(),
        )

    def resize_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return (
            Step("programs", self._infrastructure.prepare, PREPARE_LIMIT),
            Step("look at etcd", self._masters.check),
            *self._beginning(),
            *self._joining(),
            Step("load balancer", self._masters.balance),
            Step("look for work", self._kubernetes.warn),
            Step("drain", self._kubernetes.drain),
            *self._leaving(),
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
            Step("programs", self._infrastructure.prepare, PREPARE_LIMIT),
            Step("look at etcd", self._masters.check),
            Step("cut dead machines off", self._infrastructure.cut_off, TAKE_DOWN_LIMIT),
            *self._leaving(),
            *self._beginning(),
            *self._joining(),
            Step("load balancer", self._masters.balance),
        )

    def delete_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return self._infrastructure.delete_steps()

    def removal_order(self, context: DriverContext, nodes: Sequence[Node]) -> Sequence[Node]:
        return self._kubernetes.removal_order(context, nodes)

    def observe(self, context: DriverContext) -> Observation:
        return self._kubernetes.observe(context)

    def health(self, context: LookContext) -> Health:
        return self._kubernetes.health(context)

    def linger(self, context: DriverContext) -> Sequence[CloudResource]:
        return self._infrastructure.linger(context)

    def resume(self) -> None:
        self._infrastructure.resume()

    def _beginning(self) -> tuple[Step, ...]:
        return (Step("addresses", self._infrastructure.places), Step("machines", self._begin_together))

    def _begin_together(self, context: DriverContext) -> Outcome:
        """Boot all but the masters that come later, each in its turn."""
        return self._infrastructure.start(context, lambda node: not joins(context, node))

    def _leaving(self) -> tuple[Step, ...]:
        return (
            Step("leave", self._kubernetes.leave),
            Step("leave etcd", self._masters.leave),
            Step("take machines down", self._infrastructure.remove, TAKE_DOWN_LIMIT),
        )

    def _joining(self) -> tuple[Step, ...]:
        return (
            Step("masters", self._masters.join),
            Step("node set-up", self._infrastructure.reports),
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


def _addon_facts(context: DriverContext) -> ClusterFacts:
    return read_addons(context.template, context.cluster.labels)
