"""The contract between the service and a driver; docs/driver-contract.md has it as numbered rules.

A driver has two halves. Its *spec* is pure: what it provides, what it accepts. The API loads only this half. Its
*driver* does the I/O and is loaded by conductors only, from the path that the spec names.

A driver gives, for each operation, a list of small steps. A step looks first, then acts, and answers `Done` or `Wait`,
or raises `Retry` or `Fatal`. It may be run again at any time: after a crash, by another conductor, twice. It remembers
nothing but what it writes through its context, and touches its provider only inside `context.provider_call`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec

from magnum.model.clocks import Clock
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.events import EventLevel
from magnum.model.health import Health
from magnum.model.ledger import CloudResource
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node
from magnum.model.operations import Operation
from magnum.model.outcomes import Outcome
from magnum.model.signing import CaType, NodeLimits

from .secrets import ClientTls as ClientTls  # noqa: PLC0414  part of the contract
from .secrets import NodeTrustee as NodeTrustee  # noqa: PLC0414  part of the contract
from .services import DriverServices as DriverServices  # noqa: PLC0414  part of the contract
from .services import NodeAccess as NodeAccess  # noqa: PLC0414  part of the contract
from .services import NodeListeners as NodeListeners  # noqa: PLC0414  part of the contract


class ClusterType(msgspec.Struct, frozen=True):
    """What a driver is chosen by; `os` is the image's `os_distro`."""

    server_type: str
    os: str
    coe: str


class ClusterRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster as it would be: the template with the cluster's own values laid over it."""

    template: ClusterTemplate
    labels: dict[str, str]
    master_count: int
    node_count: int
    master_lb_enabled: bool


class Problem(msgspec.Struct, frozen=True):
    """Why a request cannot be met: the field at fault and one clear sentence."""

    field: str
    text: str


class Feature(StrEnum):
    """What a driver may be able to do beyond making, resizing and deleting. The API refuses the rest at once."""

    NODE_LABELS = "node_labels and node_taints"
    UPGRADE = "upgrades"
    MASTER_RESIZE = "a change of the number of masters"
    ROTATE_CA = "the rotation of a cluster's CA"
    ROTATE_CREDENTIAL = "the rotation of a cluster's credentials"
    OWNERS_CLOUD = "clusters in their owner's cloud"  # made by a trust that the API has from the owner
    NODE_TRUSTEE = "components that act in the cloud"  # as the cluster's own user, where the operator allows it


class RotationPhase(StrEnum):
    """What a rotation of a cluster's authorities asks of its nodes, in this order."""

    TRUST = "trust"  # believe the new authorities besides the old
    RENEW = "renew"  # have certificates of the new ones
    DROP = "drop"  # believe the new ones alone


class DriverSpec(Protocol):
    """The pure half. No I/O, no import of the other half."""

    @property
    def name(self) -> str: ...

    @property
    def provides(self) -> frozenset[ClusterType]: ...

    @property
    def driver_path(self) -> str:
        """`package.module:factory`; the factory takes `DriverServices` and gives a `Driver`."""
        ...

    @property
    def longest_call(self) -> float:
        """The largest `timeout` that any of its provider calls takes, seconds: what a delete may have to wait out."""
        ...

    @property
    def features(self) -> frozenset[Feature]: ...

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels that take effect, each with its default; a bad value of one that is known is refused before."""
        ...

    def problems(self, request: ClusterRequest) -> Sequence[Problem]:
        """Say all that is wrong with a cluster that is asked for; empty when it can be made."""
        ...


class Bill(msgspec.Struct, frozen=True):
    """What a cluster's machines get from elsewhere: images by the names by which they are pulled, and files by URL."""

    images: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class GroupChange(msgspec.Struct, frozen=True, kw_only=True):
    """The labels that hold for the nodes of a group, now and then: its own, over the cluster's. Often the same."""

    name: str
    role: str
    before: dict[str, str]
    after: dict[str, str]


@runtime_checkable
class JudgesChanges(Protocol):
    """What a spec has besides, where not every node group goes with every other, or not every upgrade is possible."""

    def change_problems(
        self, current: ClusterRequest, wanted: ClusterRequest, groups: Sequence[GroupChange]
    ) -> Sequence[Problem]:
        """Say all that is wrong with an upgrade, or with a new node group, as `problems` does of a cluster.

        `groups` are all that the cluster is to have. The requests are the cluster as it is and as it is to be; the
        latter has been found possible, as a cluster of its own, by `problems`.
        """
        ...


@runtime_checkable
class Pulls(Protocol):
    """What a spec has besides, whose clusters get images or files from elsewhere."""

    def bill(self, template: ClusterTemplate) -> Bill:
        """List all that a cluster of this template gets. Raises ValueError, with a sentence, when there is none."""
        ...


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What is there now, as far as the driver can see."""

    nodes_seen: int
    api_address: str | None = None
    coe_version: str | None = None
    container_version: str | None = None
    reason: str | None = None


class DriverContext(Protocol):
    """All that a step may know and do. Every write is refused once the lease is lost.

    The rows are as of the start of the step, with the step's own writes applied. When a deleted cluster is looked for
    once more its rows are gone: then there are no nodes and no node groups, and the cluster and its template hold only
    their names and owners. What a context raises of its own is not a driver's to catch.
    """

    @property
    def clock(self) -> Clock: ...

    @property
    def operation(self) -> Operation: ...

    @property
    def cluster(self) -> Cluster: ...

    @property
    def template(self) -> ClusterTemplate: ...

    @property
    def nodegroups(self) -> tuple[NodeGroup, ...]: ...

    @property
    def nodes(self) -> tuple[Node, ...]: ...

    @property
    def changing(self) -> tuple[Node, ...]:
        """Those of the nodes that the operation is about: all, or those of its node group. No other may be touched."""
        ...

    def provider_call(self, what: str, *, timeout: float) -> AbstractContextManager[None]:
        """Surround one call to the provider that changes something and ends within `timeout` seconds.

        Makes sure that the lease outlasts the call, renewing it if need be, and that no newer operation has superseded
        this one. `what` names the call to the owner ("start machine web-1"). Reading needs no such guard. A `Fatal`
        that leaves the block says that the provider refused and has done nothing.
        """
        ...

    def attempt(self, kind: str, name: str) -> CloudResource:
        """Write down what is about to be created. Committed on return. The same name again gives the same row."""
        ...

    def confirm(self, resource: CloudResource, provider_id: str) -> None: ...

    def gone(self, resource: CloudResource) -> None:
        """Write down that it was looked for and is not there; the row stays as a tombstone."""
        ...

    def resources(self, kind: str | None = None) -> tuple[CloudResource, ...]:
        """Give the ledger, oldest first, tombstones included."""
        ...

    def save_node(self, node: Node) -> None: ...

    def remove_node(self, node: Node) -> None: ...

    def update_cluster(self, **changes: object) -> None:
        """Store columns of the cluster: api_address, coe_version, container_version, stack_id."""
        ...

    def update_nodegroup(self, nodegroup: NodeGroup, *, stack_id: str) -> None:
        """Store by what id the provider knows what the nodes of a group are made in."""
        ...

    def batch_done(self) -> None:
        """Say that a part of rolling work is done: the next one may take as long as the whole was allowed to."""
        ...

    def new_node_token(self, node: Node, limits: NodeLimits) -> str:
        """Make one more credential for a node and give its token, which is not stored and cannot be had again."""
        ...

    def client_tls(self, ca_type: CaType = CaType.KUBERNETES) -> ClientTls:
        """Give Magnum's own client certificate for this cluster; of another of its authorities one for a day."""
        ...

    def trustee(self) -> NodeTrustee | None:
        """Give the cluster's own user in the cloud; None where it has none, as the operator or the driver wants it.

        For user data of nodes whose components need the cloud, and nowhere else.
        """
        ...

    def secret(self, name: str, make: Callable[[], str]) -> str:
        """Give the cluster's secret of this name; made by the first to ask, sealed in the database.

        For what several nodes have to hold alike. It goes into their user data and nowhere else.
        """
        ...

    def event(self, text: str, *, level: EventLevel = EventLevel.INFO) -> None: ...


class Step(msgspec.Struct, frozen=True):
    """One step: its name, as the owner reads it, and the function. One run takes at most `time_limit` seconds."""

    name: str
    run: Callable[[DriverContext], Outcome]
    time_limit: float = 60.0


class Driver(Protocol):
    """The I/O half. Methods that give steps are pure; the steps act."""

    def create_steps(self, context: DriverContext) -> Sequence[Step]:
        """The nodes are planned and the certificates made already.

        In a create that is tried again (`CreateCluster.again`) nodes that were lost are REMOVING, and others PLANNED in
        their place; the lost ones, which are no members, go first. As with the steps of every operation: always the
        same names in the same order.
        """
        ...

    def resize_steps(self, context: DriverContext) -> Sequence[Step]:
        """For every change of a node group, its making and its end too.

        New nodes are PLANNED and those to go are REMOVING already. With the feature NODE_LABELS, all that stay get the
        labels and taints of their group.
        """
        ...

    def delete_steps(self, context: DriverContext) -> Sequence[Step]:
        """Remove all that the ledger names. Done means: looked for, not there."""
        ...

    def removal_order(self, context: DriverContext, nodes: Sequence[Node]) -> Sequence[Node]:
        """Give the nodes of a group in the order in which they should go when it shrinks: idle ones first."""
        ...

    def observe(self, context: DriverContext) -> Observation: ...

    def linger(self, context: DriverContext) -> Sequence[CloudResource]:
        """Look once more, after the quiet period, for all that the ledger ever named; give what is there after all.

        The delete steps are run again on what it gives.
        """
        ...

    def resume(self) -> None:
        """Called once when a conductor starts: bring back what a stop of this host took down. Idempotent."""
        ...


@runtime_checkable
class Upgrades(Protocol):
    """What a driver has besides with the feature UPGRADE."""

    def upgrade_steps(self, context: DriverContext) -> Sequence[Step]:
        """Bring the changing nodes, masters first and a batch at a time, to what `context.template` says."""
        ...


@runtime_checkable
class Heals(Protocol):
    """What a driver has besides that can replace machines which have died."""

    def heal_steps(self, context: DriverContext) -> Sequence[Step]:
        """Bring the PLANNED nodes in the place of the REMOVING ones, which do not answer: nobody waits for them."""
        ...


@runtime_checkable
class RotatesCa(Protocol):
    """What a driver has besides with the feature ROTATE_CA."""

    def rotate_ca_steps(self, context: DriverContext, phase: RotationPhase) -> Sequence[Step]:
        """Take every node through one phase; what the service gives as the cluster's CA is right for it already.

        From RENEW on the cluster names the new authorities, and its requests are signed with them.
        """
        ...


@runtime_checkable
class RotatesCredential(Protocol):
    """What a driver has besides with the feature ROTATE_CREDENTIAL."""

    def rotate_credential_steps(self, context: DriverContext) -> Sequence[Step]:
        """Make a new credential, give it to the nodes that hold one, and end the old one.

        What is made is named after `context.operation.origin`, so that a retry goes on with it.
        """
        ...


class LookContext(Protocol):
    """All that is known of a cluster that is only looked at. Nothing can be written through it."""

    @property
    def cluster(self) -> Cluster: ...

    @property
    def template(self) -> ClusterTemplate: ...

    @property
    def nodes(self) -> tuple[Node, ...]: ...

    def client_tls(self) -> ClientTls: ...


HEALTH_LIMIT = 60.0
"""Seconds within which one look at a cluster's health ends."""


@runtime_checkable
class TellsHealth(Protocol):
    """What a driver has besides whose clusters can be asked how they are."""

    def health(self, context: LookContext) -> Health:
        """Ask a cluster that nothing is being done to. One that does not answer, or refuses, is UNHEALTHY."""
        ...
