"""Failures, two kinds, named: `Retry` and `Fatal`. Anything else that a step raises is a bug.

A failure carries a code, which is for machines and is never reused (the list is `Code`), and a text, which is for the
owner of the cluster: what was wrong, where, and what to do. Neither may hold a secret.
"""

from enum import StrEnum


class Code(StrEnum):
    """Every failure code there is. Once published, a code keeps its meaning for ever."""

    # the operation
    DEADLINE = "operation.deadline"
    BUG = "operation.bug"
    # the driver and its provider
    DRIVER_MISSING = "driver.missing"
    PROVIDER_BUSY = "provider.busy"
    PROVIDER_REFUSED = "provider.refused"
    PROVIDER_UNREACHABLE = "provider.unreachable"
    CAPACITY = "provider.capacity"
    CREDENTIAL_EXPIRED = "credential.expired"
    # machines and what runs on them
    NODE_STEP = "node.step"
    NODE_DEAD = "node.dead"
    COE_UNREACHABLE = "coe.unreachable"
    COE_REFUSED = "coe.refused"
    # certificates and secrets
    CERTIFICATE_REFUSED = "certificate.refused"
    SECRET_STORE = "certificate.store"  # noqa: S105  the name of a code, not a secret


class Failure(Exception):  # noqa: N818  the design's word
    """What both kinds share."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Retry(Failure):
    """It did not work now and may work later. `after` is in seconds; None leaves the pace to the back-off."""

    def __init__(self, code: Code, text: str, *, after: float | None = None) -> None:
        super().__init__(code, text)
        self.after = after


class Fatal(Failure):
    """It will not work by trying again: the operation fails now."""
