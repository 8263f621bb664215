"""Refusals: what the service says no to, as types. `api.errors` turns them into answers.

A refusal is the requester's affair, not a defect of ours. Its text is for a person: what was wrong, where, what to do.
The first sentence stands alone, because clients show only what comes before the first full stop.
"""

from typing import ClassVar


class Refused(Exception):  # noqa: N818  what it says
    """What all of them share. `retry_after` is in seconds."""

    status: ClassVar[int]
    """What HTTP calls it."""
    code: ClassVar[str | None] = None
    """What programs know it by, where the status is not enough."""

    def __init_subclass__(cls, *, status: int) -> None:
        cls.status = status

    def __init__(self, text: str, *, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.retry_after = retry_after


class InvalidRequest(Refused, status=400):
    """It cannot be meant, or not be done to what is there."""


class Unauthenticated(Refused, status=401):
    """Who asks is not known."""


class Forbidden(Refused, status=403):
    """Who asks is known, and may not."""


class NotFound(Refused, status=404):
    """It does not exist, or not for the one who asks."""


class Conflict(Refused, status=409):
    """It could be done, but for what is there at the moment."""


class CredentialExpired(Refused, status=409):
    """The cluster has lost what it acts by in the cloud, and this request cannot give it another."""

    code = "credential.expired"


class PreconditionFailed(Refused, status=412):
    """Somebody has changed it since the requester looked."""


class TooLarge(Refused, status=413):
    """There is more of it than anybody reads."""


class TooManyRequests(Refused, status=429):
    """It was tried too often."""


class Unavailable(Refused, status=503):
    """Something that is needed for it does not answer."""
