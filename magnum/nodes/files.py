"""The files that make a machine a node, whatever carries them there: cloud-init, Ignition or a folder.

Which file goes where with which mode is decided here; how they are packed is not (see `cloud_init`). The program is the
same on every machine of a kind of cluster; all that differs is the node's data, which is secret and root's alone.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from magnum.nodes.data import NODE_DATA, NodeData

PROGRAM = "/usr/local/lib/magnum-node"
UNIT = "magnum-node.service"
_KEEPING = ("keep-certificates", "change-certificates")
_KEEPING_UNIT = "magnum-certificates.service"
_KEEP_CERTIFICATES = frozenset({"kubernetes"})
"""The kinds of clusters whose nodes see to their certificates themselves."""


class NodeFile(msgspec.Struct, frozen=True):
    path: str
    mode: int
    content: bytes

    def __repr__(self) -> str:
        return f"NodeFile({self.path!r}, {self.mode:04o}, {len(self.content)} bytes)"


def node_files(data: NodeData) -> tuple[NodeFile, ...]:
    """All files of one node, in a fixed order."""
    return (*program_files(data.coe), *data_files(data))


def program_files(coe: str) -> tuple[NodeFile, ...]:
    """The program with the steps of one kind of cluster, and the unit that runs it."""
    source = files(__package__) / "program"
    steps = source / "steps" / coe
    if not steps.is_dir():
        raise ValueError(f"the node program has no steps for {coe!r}")
    keeping = coe in _KEEP_CERTIFICATES
    units = (UNIT, _KEEPING_UNIT) if keeping else (UNIT,)
    programs = [
        *((name, source / name) for name in ("bootstrap", "report", *(_KEEPING if keeping else ()))),
        *((f"lib/{part.name}", part) for part in _sorted(source / "lib")),
        *((f"steps/{coe}/{step.name}", step) for step in _sorted(steps)),
    ]
    return (
        *(NodeFile(f"/etc/systemd/system/{name}", 0o644, (source / name).read_bytes()) for name in units),
        *(NodeFile(f"{PROGRAM}/{name}", 0o755, program.read_bytes()) for name, program in programs),
    )


def data_files(data: NodeData) -> tuple[NodeFile, ...]:
    return tuple(NodeFile(f"{NODE_DATA}/{name}", 0o600, value.encode()) for name, value in data.values().items())


def _sorted(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda file: file.name)
