"""A client of the Docker engine's API, as much of it as makes and keeps a swarm.

What changes something looks first: asked for what is so already, it changes nothing, so every call may be made again
after a crash. Nothing here waits for the swarm to follow, and nothing decides what should be; both are the driver's.
Paths name no version of the API: an engine then answers in its newest, and what is used here is the same in all that
know swarms.
"""

from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from magnum.coe.https import ClientTls, HttpsCaller, Unreachable, Untrusted, client_context
from magnum.coe.swarm_values import (
    JoinTokens,
    SwarmInfo,
    SwarmNode,
    SwarmTask,
    WireInfo,
    WireNode,
    WireRefusal,
    WireSwarm,
    WireTask,
    WireVersion,
    WireWholeNode,
)

PORT = 2376
SWARM_PORT = 2377
_OUT_OF_SEQUENCE_TRIES = 3
_ENDED = frozenset({"complete", "shutdown", "failed", "rejected", "remove", "orphaned"})

_T = TypeVar("_T")


class SwarmError(Exception):
    """An engine did not do what it was asked; the text says which engine and why."""


class SwarmUnreachable(SwarmError):  # noqa: N818
    """The engine gave no answer: it is down, not up yet, or out of reach."""


class SwarmUntrusted(SwarmError):  # noqa: N818
    """The engine and we do not believe each other's certificates."""


class SwarmRefused(SwarmError):  # noqa: N818
    """The engine answered that it cannot."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class SwarmClient:
    """One engine. `address` is `host` or `host:port`; no method takes longer than `timeout` seconds."""

    def __init__(self, address: str, tls: ClientTls, timeout: float = 10.0) -> None:
        parts = urlsplit(f"//{address}")
        if not parts.hostname:
            raise ValueError(f"{address!r} is no address of an engine")
        self._address = (parts.hostname, parts.port or PORT)
        self._context = client_context(tls)
        self._timeout = timeout

    def ping(self) -> None:
        """Raise unless the engine answers."""
        self._engine().call("GET", "/_ping")

    def version(self) -> str:
        return self._engine().read("/version", WireVersion).version

    def info(self) -> SwarmInfo:
        return self._engine().read("/info", WireInfo).shown()

    def init(self, advertise_address: str) -> str:
        """Make a swarm with this engine as its first manager and give the engine's node id."""
        engine = self._engine()
        info = engine.read("/info", WireInfo).shown()
        if info.active and info.is_manager:
            return info.node_id
        request = {"ListenAddr": _with_port(advertise_address, SWARM_PORT), "AdvertiseAddr": advertise_address}
        return engine.understood("/swarm/init", engine.call("POST", "/swarm/init", request), str)

    def join_tokens(self) -> JoinTokens:
        """Ask a manager."""
        return self._engine().read("/swarm", WireSwarm).join_tokens

    def join(self, manager_address: str, token: str, advertise_address: str) -> None:
        """Bring this engine into the manager's swarm. One that is joining already is left to it."""
        engine = self._engine()
        if engine.read("/info", WireInfo).shown().state in ("active", "pending"):
            return
        request = {
            "ListenAddr": _with_port(advertise_address, SWARM_PORT),
            "AdvertiseAddr": advertise_address,
            "RemoteAddrs": [_with_port(manager_address, SWARM_PORT)],
            "JoinToken": token,
        }
        engine.call("POST", "/swarm/join", request)

    def leave(self, *, force: bool = False) -> None:
        """Take this engine out of its swarm; a manager goes by force only. The managers go on listing it as down."""
        engine = self._engine()
        if engine.read("/info", WireInfo).shown().state != "inactive":
            engine.call("POST", f"/swarm/leave?force={_flag(force)}")

    def nodes(self) -> tuple[SwarmNode, ...]:
        """Ask a manager for all members."""
        return tuple(node.shown() for node in self._engine().read("/nodes", list[WireNode]))

    def promote(self, node_id: str) -> None:
        self._change_node(node_id, "Role", "manager")

    def demote(self, node_id: str) -> None:
        self._change_node(node_id, "Role", "worker")

    def drain(self, node_id: str) -> None:
        """Have the node's tasks moved to others, and give it none any more."""
        self._change_node(node_id, "Availability", "drain")

    def activate(self, node_id: str) -> None:
        self._change_node(node_id, "Availability", "active")

    def remove(self, node_id: str, *, force: bool = False) -> None:
        """Take a worker off the managers' list; one that is not down goes by force only."""
        try:
            self._engine().call("DELETE", f"{_node_path(node_id)}?force={_flag(force)}")
        except SwarmRefused as refusal:
            if refusal.status != 404:
                raise

    def running_tasks(self, node_id: str) -> tuple[SwarmTask, ...]:
        """Give what still runs, or is about to, on a node; on a drained one, what has not stopped yet."""
        return tuple(task.shown() for task in self._tasks(node=node_id))

    def busy_nodes(self) -> frozenset[str]:
        """Give the ids of the nodes that have work; one call for the whole swarm."""
        return frozenset(task.node_id for task in self._tasks() if task.node_id)

    def _tasks(self, **filters: str) -> list[WireTask]:
        chosen = quote(msgspec.json.encode({name: [value] for name, value in filters.items()}))
        tasks = self._engine().read(f"/tasks?filters={chosen}", list[WireTask])
        return [task for task in tasks if task.status.state not in _ENDED]

    def _change_node(self, node_id: str, field: str, value: str) -> None:
        """Write the whole node anew, which the manager takes if it is still at the version that was read."""
        engine, path = self._engine(), _node_path(node_id)
        for tries_left in reversed(range(_OUT_OF_SEQUENCE_TRIES)):
            node = engine.read(path, WireWholeNode)
            if node.spec.get(field) == value:
                return
            try:
                engine.call("POST", f"{path}/update?version={node.version.index}", {**node.spec, field: value})
            except SwarmRefused as refusal:
                if "out of sequence" not in str(refusal) or not tries_left:
                    raise
            else:
                return

    def _engine(self) -> "_Engine":
        return _Engine(HttpsCaller(self._address, self._context, self._timeout))


class _Engine:
    """What one method says to the engine, within the method's time."""

    def __init__(self, caller: HttpsCaller) -> None:
        self._caller = caller

    def read(self, path: str, kind: type[_T]) -> _T:
        return self.understood(path, self.call("GET", path), kind)

    def call(self, method: str, path: str, body: object = None) -> bytes:
        try:
            answer = self._caller.call(method, path, None if body is None else msgspec.json.encode(body))
        except Unreachable as error:
            raise SwarmUnreachable(str(error)) from error
        except Untrusted as error:
            raise SwarmUntrusted(str(error)) from error
        if answer.status >= 300:
            raise SwarmRefused(answer.status, f"{self._caller.name}: {_reason(answer.body)}")
        return answer.body

    def understood(self, path: str, body: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError as error:
            question = path.partition("?")[0]
            raise SwarmError(f"{self._caller.name}: its answer to {question} is not understood: {error}") from error


def _reason(body: bytes) -> str:
    """The engine's own sentence, bounded and printable."""
    try:
        text = msgspec.json.decode(body, type=WireRefusal).message
    except msgspec.DecodeError:
        text = body.decode(errors="replace")
    return "".join(character if character.isprintable() else " " for character in text)[:500]


def _with_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _node_path(node_id: str) -> str:
    return f"/nodes/{quote(node_id, safe='')}"


def _flag(value: bool) -> str:
    return "true" if value else "false"
