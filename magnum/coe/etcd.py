"""A client of etcd, as much of it as changes who its members are, through the JSON gateway of etcd 3.4 and newer.

Every method ends within `timeout` seconds. It asks one member after the other, until one answers, each for an even
share of the time that is left. A change may thus be asked for twice, and again after a crash: asked for what is so
already, it changes nothing. Whether a change is wise is the caller's to judge; etcd itself refuses what would cost it
its majority at once.
"""

import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec

from magnum.coe.https import Answer, ClientTls, HttpsCaller, Unreachable, Untrusted, client_context
from magnum.coe.kubernetes_calls import printable

PORT = 2379
PEER_PORT = 2380
_IN_SYNC_FIRST = "can only promote a learner member which is in sync with leader"
_NO_LEARNER = "can only promote a learner member"
_UNKNOWN = "member not found"
_KNOWN = "Peer URLs already exists"

_T = TypeVar("_T")


class EtcdError(Exception):
    """A member of etcd did not do what it was asked; the text says which and why."""


class EtcdUnreachable(EtcdError):  # noqa: N818  says what is so, as KubernetesUnreachable does
    """None of those that were asked gave an answer."""


class EtcdUntrusted(EtcdError):  # noqa: N818
    """It and we do not believe each other's certificates."""


class EtcdRefused(EtcdError):  # noqa: N818
    """It answered that it will not, or cannot now. `reason` is etcd's own sentence."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.reason = reason


class EtcdMember(msgspec.Struct, frozen=True, kw_only=True):
    """One that has been added and has not started yet has no name. A learner follows, and has no vote."""

    id: int
    name: str
    peer_urls: tuple[str, ...]
    is_learner: bool


class _WireMember(msgspec.Struct, frozen=True, rename={"id": "ID", "peer_urls": "peerURLs", "is_learner": "isLearner"}):
    id: int
    name: str = ""
    peer_urls: tuple[str, ...] = ()
    is_learner: bool = False

    def shown(self) -> EtcdMember:
        return EtcdMember(id=self.id, name=printable(self.name), peer_urls=self.peer_urls, is_learner=self.is_learner)


class _Members(msgspec.Struct, frozen=True):
    members: tuple[_WireMember, ...] = ()


class _Added(msgspec.Struct, frozen=True):
    member: _WireMember


class _Status(msgspec.Struct, frozen=True):
    leader: int = 0


class _Health(msgspec.Struct, frozen=True):
    health: str = ""


class _Trouble(msgspec.Struct, frozen=True):
    message: str = ""
    error: str = ""


class EtcdClient:
    """`addresses` are those of members' machines: who has nothing to do with a change is asked first."""

    def __init__(
        self,
        addresses: Sequence[str],
        tls: ClientTls,
        timeout: float = 8.0,
        *,
        port: int = PORT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not addresses:
            raise ValueError("there is no member of etcd to be asked")
        self._addresses = tuple(addresses)
        self._context = client_context(tls)
        self._timeout = timeout
        self._port = port
        self._clock = clock

    def members(self) -> tuple[EtcdMember, ...]:
        return tuple(member.shown() for member in self._ask("/v3/cluster/member/list", {}, _Members).members)

    def add_learner(self, peer_url: str) -> None:
        """Let a member come, which has no vote yet; one that is known already stays what it is."""
        self._change("/v3/cluster/member/add", {"peerURLs": [peer_url], "isLearner": True}, _Added, _KNOWN)

    def promote(self, member: int) -> bool:
        """Give a learner its vote; False while it has not caught up with the leader."""
        try:
            self._change("/v3/cluster/member/promote", {"ID": str(member)}, _Members)
        except EtcdRefused as refused:
            if _IN_SYNC_FIRST in refused.reason:
                return False
            if _NO_LEARNER not in refused.reason:
                raise
        return True

    def remove(self, member: int) -> None:
        self._change("/v3/cluster/member/remove", {"ID": str(member)}, _Members, _UNKNOWN)

    def leader(self) -> int:
        """Give the id of the leader; 0 while there is none."""
        return self._ask("/v3/maintenance/status", {}, _Status).leader

    def transfer_leadership(self, target: int) -> None:
        """Let another one lead. Only the leader can be asked, so `addresses` is its own."""
        self._change("/v3/maintenance/transfer-leadership", {"targetID": str(target)}, dict[str, Any])

    def is_healthy(self) -> bool:
        """Whether a member of these has a leader and keeps what it is given; False for one that does not answer."""
        try:
            return self._ask("/health", None, _Health).health == "true"
        except (EtcdUnreachable, EtcdRefused):
            return False

    def _change(self, path: str, body: Any, kind: type[_T], fine: str = "") -> None:
        """Ask for a change; a refusal that says `fine` says that it is so already."""
        try:
            self._ask(path, body, kind)
        except EtcdRefused as refused:
            if not fine or fine not in refused.reason:
                raise

    def _ask(self, path: str, body: Any, kind: type[_T]) -> _T:
        ends = self._clock() + self._timeout
        silent: list[str] = []
        for left in range(len(self._addresses), 0, -1):
            seconds = (ends - self._clock()) / left
            caller = HttpsCaller((self._addresses[-left], self._port), self._context, seconds, self._clock)
            try:
                answer = caller.call("GET" if body is None else "POST", path, None if body is None else _json(body))
            except Unreachable as error:
                silent.append(str(error))
            except Untrusted as error:
                raise EtcdUntrusted(str(error)) from error
            else:
                return _understood(caller.name, path, answer, kind)
        raise EtcdUnreachable("; ".join(silent))


def _json(body: Any) -> bytes:
    return msgspec.json.encode(body)


def _understood(name: str, path: str, answer: Answer, kind: type[_T]) -> _T:
    try:
        if answer.status != HTTPStatus.OK:
            trouble = msgspec.json.decode(answer.body, type=_Trouble)
            raise EtcdRefused(name, printable(trouble.message or trouble.error) or f"status {answer.status}")
        return msgspec.json.decode(answer.body, type=kind, strict=False)
    except (msgspec.DecodeError, RecursionError) as error:
        raise EtcdError(f"{name}: its answer to {path} is not understood: {error}") from error
