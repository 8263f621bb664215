"""Operations: what is being done to a cluster, and how far it is.

A cluster runs one operation at a time; others wait in order. An operation's arguments are its own, so that `retry` and
a conductor that takes over after a crash do exactly what was asked.
"""

from enum import StrEnum

import msgspec

from .clocks import MICROSECONDS, Instant


class OperationState(StrEnum):
    QUEUED = "QUEUED"
    ACTIVE = "ACTIVE"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


OPEN = frozenset({OperationState.QUEUED, OperationState.ACTIVE})


class CreateCluster(msgspec.Struct, frozen=True, tag="create"):
    """Make the cluster as its rows say. `again`: it had failed, so what is left of that is taken down first."""

    again: bool = False


class ResizeNodeGroup(msgspec.Struct, frozen=True, tag="resize"):
    """Bring one node group to `node_count`; `previous` is what the count goes back to if the provider refuses."""

    nodegroup_uuid: str
    node_count: int
    previous: int
    nodes_to_remove: tuple[str, ...] = ()
    rollback: bool = False


class CreateNodeGroup(msgspec.Struct, frozen=True, tag="create-nodegroup"):
    """Give a node group that has been added the nodes that its row says."""

    nodegroup_uuid: str


class UpdateNodeGroup(msgspec.Struct, frozen=True, tag="update-nodegroup"):
    """Let the nodes of a group carry what its row says now: bounds, labels and taints."""

    nodegroup_uuid: str


class DeleteNodeGroup(msgspec.Struct, frozen=True, tag="delete-nodegroup"):
    """Remove the nodes of a group, then its row."""

    nodegroup_uuid: str


class MadeFrom(msgspec.Struct, frozen=True):
    """What the machines of a node group are made from, besides the template; of a cluster only the labels."""

    labels: dict[str, str]
    image_id: str | None = None


class UpgradeNodeGroup(msgspec.Struct, frozen=True, tag="upgrade"):
    """Bring the nodes of a group to what its row says now; a default group takes the masters along.

    The rows have got that from `template`; they go back to the template `previous`, and to what `before` says by their
    UUIDs, if the provider refuses. The driver decides how many nodes are worked on at a time where `max_batch_size`
    does not.
    """

    nodegroup_uuid: str
    previous: str
    template: str
    max_batch_size: int | None = None
    before: dict[str, MadeFrom] = {}


class HealCluster(msgspec.Struct, frozen=True, tag="heal"):
    """Replace nodes that have died, by UUID. Those that are gone or replaced already are left out."""

    nodes: tuple[str, ...]


class RotateCertificates(msgspec.Struct, frozen=True, tag="rotate-ca"):
    """Give the cluster new authorities, and its nodes certificates of them. `origin`: see `Operation.origin`."""

    origin: str | None = None


class RotateCredential(msgspec.Struct, frozen=True, tag="rotate-credential"):
    """Replace what the cluster proves itself with in the cloud. `origin`: see `Operation.origin`.

    `trust_id` is the trust that whoever asked has given, and that the cluster is to act by.
    """

    origin: str | None = None
    trust_id: str | None = None


class DeleteCluster(msgspec.Struct, frozen=True, tag="delete"):
    """Remove all that the ledger names, then the rows. `volumes`: also those that its pods have stored things in."""

    volumes: bool = False


class SweepCluster(msgspec.Struct, frozen=True, tag="sweep"):
    """Look once more, after the quiet period, for what a deleted cluster may have left; then forget it.

    The cluster's rows are gone by now: this is all that is still known of it. `secrets` are references of certificates.
    """

    driver: str
    coe: str
    server_type: str
    os: str | None
    name: str | None = None
    project_id: str | None = None
    user_id: str | None = None
    stack_id: str | None = None
    trust_id: str | None = None
    secrets: tuple[str, ...] = ()


Arguments = (
    CreateCluster
    | ResizeNodeGroup
    | CreateNodeGroup
    | UpdateNodeGroup
    | DeleteNodeGroup
    | UpgradeNodeGroup
    | HealCluster
    | RotateCertificates
    | RotateCredential
    | DeleteCluster
    | SweepCluster
)


_NOUNS = {
    "create-nodegroup": "creation of the node group",
    "update-nodegroup": "change of the node group",
    "delete-nodegroup": "removal of the node group",
    "heal": "replacement of dead nodes",
    "rotate-ca": "rotation of the CA",
    "rotate-credential": "rotation of the credential",
}
"""For those whose tag is no word."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `operation`.

    `step` names the step that runs next, `step_started_at` is when it first ran (for steps that wait for something, but
    not for ever); `attempts` counts failures of that step in a row; `deadline` is None for
    operations that never give up; time in which no conductor ran is added to it when it is claimed again. `accepted`:
    a call to the provider was begun and has not been refused, so what was asked for may be there by now.
    """

    uuid: str
    cluster_uuid: str
    arguments: Arguments
    state: OperationState
    next_attempt: Instant
    created_at: Instant
    deadline: Instant | None = None
    step: str | None = None
    step_started_at: Instant | None = None
    step_number: int = 0
    steps_total: int = 0
    attempts: int = 0
    reason: str | None = None
    error_code: str | None = None
    accepted: bool = False
    cancel_requested: bool = False
    finished_at: Instant | None = None
    request_id: str | None = None

    @property
    def kind(self) -> str:
        return str(type(self.arguments).__struct_config__.tag)

    @property
    def noun(self) -> str:
        """What it is called in a sentence."""
        return _NOUNS.get(self.kind, self.kind)

    @property
    def origin(self) -> str:
        """The UUID of the operation that it goes on with, which had failed; its own where it is the first.

        What a rotation makes is named after it, so that one that is tried again makes nothing a second time.
        """
        return getattr(self.arguments, "origin", None) or self.uuid

    def seconds_in_step(self, now: Instant) -> float:
        """Say for how long its step has been tried and waited for."""
        return (now - (self.step_started_at or now)) / MICROSECONDS

    @property
    def nodegroup_uuid(self) -> str | None:
        """The node group that it is about, None for one about the cluster as a whole."""
        return getattr(self.arguments, "nodegroup_uuid", None)


class ClusterState(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `cluster_state`: the one lock of a cluster.

    Every mutation by the API and every write by a conductor first locks this row and compares `epoch`. `generation`
    rises with each change that a client can see (ETag). `owner` names one claim, not a process; it is never used twice.
    `health_due_at` is when the cluster's health is looked at next, `health_observed_at` when the stored one was seen.
    """

    cluster_uuid: str
    epoch: int
    generation: int
    owner: str | None = None
    lease_until: Instant = 0
    operation_uuid: str | None = None
    health_due_at: Instant | None = None
    health_observed_at: Instant | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that a worker may run while its lease lasts. `claimed_at` is monotonic seconds, taken before."""

    operation: Operation
    epoch: int
    owner: str
    claimed_at: float
