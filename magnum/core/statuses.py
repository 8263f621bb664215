"""What the status of a cluster allows, and the status that a request brings it to."""

from magnum.model.clusters import Cluster
from magnum.model.statuses import AnyStatus, Status, StatusEvent, after

from .errors import InvalidRequest


def check_status(cluster: Cluster, allowed: frozenset[Status], what: str) -> None:
    if cluster.status not in allowed:
        raise InvalidRequest(
            f"The cluster {cluster.uuid} is {cluster.status}, so it cannot be {what} now. "
            f"It can in the status {', '.join(sorted(allowed))}."
        )


def started(status: AnyStatus | None, event: StatusEvent) -> Status:
    """Give the status after the event. Old rows of node groups have none: what is asked of them was checked before."""
    if status is None:
        return Status.DELETE_IN_PROGRESS if event is StatusEvent.DELETE_STARTED else Status.UPDATE_IN_PROGRESS
    return after(status, event)
