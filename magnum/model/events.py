"""Events: what happened to a cluster, when and why; for its owner to read. Never a secret in them."""

from enum import StrEnum

import msgspec

from .clocks import Instant


class EventLevel(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `event`; `kind` is a dotted word (`cluster.create`, `operation.step`), `text` one sentence."""

    cluster_uuid: str
    at: Instant
    kind: str
    text: str
    level: EventLevel = EventLevel.INFO
    operation_uuid: str | None = None
    request_id: str | None = None
    id: int | None = None
