"""What can go wrong here, as types that callers tell apart. Texts are for people and hold no secret.

`AlreadyExists` and `CannotHold` come out of a statement that failed: the transaction around it is lost, so they are
to be caught outside `Database.write`, never inside the function it runs.
"""

from sqlalchemy.exc import DontWrapMixin


class DbError(DontWrapMixin, Exception):
    """What all of them share. SQLAlchemy passes them on unwrapped."""


class NotFound(DbError):  # noqa: N818  the API's word
    def __init__(self, resource: str, ident: str) -> None:
        super().__init__(f"{resource} {ident} could not be found.")
        self.resource = resource
        self.ident = ident


class Ambiguous(DbError):  # noqa: N818  the API's word
    def __init__(self, resource: str, ident: str) -> None:
        super().__init__(f"More than one {resource.lower()} has the name {ident}; give the UUID instead.")
        self.resource = resource
        self.ident = ident


class AlreadyExists(DbError):  # noqa: N818  the API's word
    def __init__(self, resource: str, ident: str) -> None:
        super().__init__(f"{resource} {ident} exists already.")
        self.resource = resource
        self.ident = ident


class CannotHold(DbError):  # noqa: N818  what it says
    """Text that its column cannot hold: too long, or with characters that the database has no code for."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} cannot be stored: {why}.")
        self.field = field
        self.why = why


class UnknownSortKey(DbError):  # noqa: N818  what it says
    def __init__(self, key: str) -> None:
        super().__init__(f"{key} is not a field to sort by.")
        self.key = key


class LeaseLost(DbError):  # noqa: N818  the design's word
    """The claim is no longer the cluster's: it was superseded, taken over after its lease lapsed, or given up."""

    def __init__(self, cluster_uuid: str) -> None:
        super().__init__(f"The claim on cluster {cluster_uuid} is lost: another worker or a newer operation has it.")
        self.cluster_uuid = cluster_uuid


class DatabaseUnreachable(DbError):  # noqa: N818  what it says
    """The database did not answer, or stayed busy for longer than we try."""
