"""What machines say of themselves: how their set-up goes, and how it has ended.

A report is believed about its sender alone, and only until the node's fate is decided otherwise: one that is a member,
or chosen to go, stays so. With its final report a node's credential ends.
"""

import re
from enum import StrEnum

import msgspec
from sqlalchemy import Connection

from magnum.db import credentials, events, nodes, operations
from magnum.model.credentials import NodeCredential
from magnum.model.events import Event, EventLevel
from magnum.model.nodes import Node, NodeState

from .errors import NotFound
from .service import Service

_MOST_OUTPUT = 4096
_MOST_STEP = 64
_UNPRINTABLE = re.compile(r"[^\t\n\x20-\x7e]")
_UNDECIDED = frozenset({NodeState.PLANNED, NodeState.REPORTED, NodeState.FAILED})


class ReportStatus(StrEnum):
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    PROGRESS = "PROGRESS"


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """`step` is the one that begins (PROGRESS) or has failed (FAILURE); `seconds` is how long it took."""

    status: ReportStatus
    step: str = ""
    output: str = ""
    seconds: float = 0.0


def report(service: Service, credential: NodeCredential, said: NodeReport) -> None:
    said = msgspec.structs.replace(
        said, step=_plain(said.step)[:_MOST_STEP], output=_plain(said.output)[-_MOST_OUTPUT:]
    )

    def run(tx: Connection) -> None:
        operations.lock(tx, credential.cluster_uuid)
        node = _find(tx, credential)
        now = service.database.now(tx)
        events.insert(tx, _event(node, said, now))
        if said.status is ReportStatus.PROGRESS:
            return
        if node.state in _UNDECIDED:
            nodes.save(tx, _with_report(node, said, now))
        credentials.end_node(tx, node.uuid)

    service.database.write(run)
    service.wake()


def _find(tx: Connection, credential: NodeCredential) -> Node:
    found = [node for node in nodes.of_cluster(tx, credential.cluster_uuid) if node.uuid == credential.node_uuid]
    if not found:
        raise NotFound(f"The node {credential.node_name} is no longer one of its cluster.")
    return found[0]


def _with_report(node: Node, said: NodeReport, now: int) -> Node:
    if said.status is ReportStatus.SUCCESS:
        return msgspec.structs.replace(node, state=NodeState.REPORTED, failed_step=None, report=None, reported_at=now)
    return msgspec.structs.replace(
        node, state=NodeState.FAILED, failed_step=said.step or None, report=said.output, reported_at=now
    )


def _event(node: Node, said: NodeReport, now: int) -> Event:
    match said.status:
        case ReportStatus.SUCCESS:
            text, level = f"The machine {node.name} is set up; it took {said.seconds:.0f} s.", EventLevel.INFO
        case ReportStatus.FAILURE:
            text = f"The machine {node.name} failed at {said.step or 'an unnamed step'}: {said.output.strip()}"
            level = EventLevel.ERROR
        case ReportStatus.PROGRESS:
            text, level = f"The machine {node.name} begins {said.step or 'an unnamed step'}.", EventLevel.INFO
    return Event(cluster_uuid=node.cluster_uuid, at=now, kind=f"node.{said.status.lower()}", text=text, level=level)


def _plain(text: str) -> str:
    return _UNPRINTABLE.sub("?", text)
