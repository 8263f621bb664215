"""The deletion of a cluster as a driver's steps see it, without a conductor: what they do and say is noted."""

from contextlib import contextmanager

from magnum.model.clusters import Cluster
from magnum.model.events import EventLevel
from magnum.model.operations import DeleteCluster, Operation, OperationState
from magnum.model.statuses import Status

START = 1_800_000_000_000_000


class Deletion:
    """Stands in for a `DriverContext`. Time passes when it is told to."""

    def __init__(self, uuid, *, project, trust="trust", volumes=False, labels=None):
        self.cluster = Cluster(
            uuid=uuid,
            name="web",
            project_id=project,
            user_id="ann",
            cluster_template_id=None,
            status=Status.DELETE_IN_PROGRESS,
            trust_id=trust,
            labels=labels or {},
        )
        self.operation = Operation(
            uuid="operation",
            cluster_uuid=uuid,
            arguments=DeleteCluster(volumes=volumes),
            state=OperationState.ACTIVE,
            next_attempt=0,
            created_at=0,
            step_started_at=START,
        )
        self.clock = self
        self.seconds = 0
        self.calls = []
        self.events = []

    def now(self):
        return START + self.seconds * 1_000_000

    @contextmanager
    def provider_call(self, what, *, timeout):
        assert timeout > 0
        self.calls.append(what)
        yield

    def event(self, text, *, level=EventLevel.INFO):
        self.events.append((level, text))
