"""Refusals: what the service says no to, as types. `api.errors` turns them into answers.

A refusal is the requester's affair, not a defect of ours. Its text is for a person: what was wrong, where, what to do.
The first sentence stands alone, because clients show only what comes before the first full stop.
"""

from typing import ClassVar


class Refused(Exception):  # noqa: N818  what it says
    """What all of them share. `retry_after` is in seconds."""

    status: ClassVar[int]

    def __init__(self, text: str, *, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.retry_after = retry_after


class InvalidRequest(Refused):
    status = 400


class Unauthenticated(Refused):
    status = 401


class Forbidden(Refused):
    status = 403


class NotFound(Refused):
    status = 404


class Conflict(Refused):
    status = 409


class PreconditionFailed(Refused):
    status = 412


class TooLarge(Refused):
    status = 413


class TooManyRequests(Refused):
    status = 429


class Unavailable(Refused):
    status = 503
