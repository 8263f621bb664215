"""What is said to the API of a Kubernetes cluster within the time of one method.

Whatever the other side answers is bounded and becomes a value or one of four exceptions. Which questions there are is
`kubernetes.py`'s.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from magnum.coe.https import Answer, HttpsCaller, Unreachable, Untrusted
from magnum.coe.kubernetes_values import WireStatus

PAGE = 500
MOST_PAGES = 100

_T = TypeVar("_T")


class MediaType(StrEnum):
    JSON = "application/json"
    MERGE_PATCH = "application/merge-patch+json"
    APPLY = "application/apply-patch+yaml"  # of which JSON is a part


class KubernetesError(Exception):
    """A cluster's API did not do what it was asked; the text says which and why."""


class KubernetesUnreachable(KubernetesError):  # noqa: N818
    """It gave no answer: it is down, not up yet, or out of reach."""


class KubernetesUntrusted(KubernetesError):  # noqa: N818
    """It and we do not believe each other's certificates."""


class KubernetesRefused(KubernetesError):  # noqa: N818
    """It answered that it will not. `reason` is the API's word (NotFound, Conflict, Forbidden, Invalid …)."""

    def __init__(self, status: int, reason: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason


class _ListMetadata(msgspec.Struct, frozen=True, rename={"proceed": "continue"}):
    proceed: str = ""


class _Page(msgspec.Struct, Generic[_T], frozen=True):
    items: list[_T] | None = None
    metadata: _ListMetadata = _ListMetadata()


class Calls:
    """The calls of one method."""

    def __init__(self, caller: HttpsCaller) -> None:
        self._caller = caller

    @property
    def name(self) -> str:
        return self._caller.name

    def read(self, path: str, kind: type[_T]) -> _T:
        return self.understood(path, self.call("GET", path), kind)

    def read_if_there(self, path: str, kind: type[_T]) -> _T | None:
        answer = self.answer("GET", path)
        return None if answer.status == 404 else self.understood(path, self.accepted(answer), kind)

    def read_all(self, path: str, kind: type[_T], filters: Mapping[str, str]) -> list[_T]:
        """Read a list to its end, a page at a time."""
        found: list[_T] = []
        proceed = ""
        for _ in range(MOST_PAGES):
            asked = {**filters, "limit": str(PAGE), **({"continue": proceed} if proceed else {})}
            page = self.read(f"{path}?{urlencode(asked)}", _Page[kind])  # type: ignore[valid-type]
            found += page.items or ()
            proceed = page.metadata.proceed
            if not proceed:
                return found
        raise KubernetesError(f"{self.name}: its list of {path} has more than {MOST_PAGES * PAGE} entries")

    def call(self, method: str, path: str, body: Any = None, media_type: MediaType = MediaType.JSON) -> bytes:
        return self.accepted(self.answer(method, path, body, media_type))

    def answer(self, method: str, path: str, body: Any = None, media_type: MediaType = MediaType.JSON) -> Answer:
        """Give any answer, a refusal too."""
        try:
            return self._caller.call(method, path, None if body is None else msgspec.json.encode(body), media_type)
        except Unreachable as error:
            raise KubernetesUnreachable(str(error)) from error
        except Untrusted as error:
            raise KubernetesUntrusted(str(error)) from error

    def accepted(self, answer: Answer) -> bytes:
        if answer.status >= 300:
            status = status_of(answer)
            raise KubernetesRefused(answer.status, status.reason, f"{self.name}: {status.message}")
        return answer.body

    def understood(self, path: str, body: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            question = path.partition("?")[0]
            raise KubernetesError(f"{self.name}: its answer to {question} is not understood: {error}") from error


def status_of(answer: Answer) -> WireStatus:
    """Read a refusal: the API's own sentence, bounded and printable."""
    try:
        status = msgspec.json.decode(answer.body, type=WireStatus)
    except (msgspec.DecodeError, RecursionError):
        status = WireStatus(message=answer.body.decode(errors="replace"))
    message = printable(status.message) or f"it answered with status {answer.status} and no reason"
    return msgspec.structs.replace(status, message=message, reason=printable(status.reason))


def printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:1000])[:500].strip()


def segment(name: str) -> str:
    """Give a name as one part of a path, whatever is in it."""
    if name in ("", ".", ".."):
        raise ValueError(f"{name!r} is no name of an object")
    return quote(name, safe="")
