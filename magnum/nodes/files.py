"""The files that make a machine a node, whatever carries them there: cloud-init, Ignition or a folder.

Which file goes where with which mode is decided here; how they are packed is not (see `cloud_init`). The program is the
same on every machine of a kind of cluster; all that differs is the node's data, which is secret and root's alone.
"""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from magnum.nodes.data import NODE_DATA, NodeData, Platform

PROGRAM = "/usr/local/lib/magnum-node"
UNIT = "magnum-node.service"
_COMMENT = re.compile(rb"^ *#(?!!).*\n", re.MULTILINE)
_KEEPING = ("keep-certificates", "change-certificates")
_KEEPING_UNIT = "magnum-certificates.service"
_SERVER = ("mount-volumes",)
_SERVER_UNIT = "magnum-volumes.service"
_NOT_MANAGED = b"""\
[keyfile]
unmanaged-devices=interface-name:cali*;interface-name:cni*;interface-name:flannel*;interface-name:tunl*;\
interface-name:veth*;interface-name:vxlan.calico
"""
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
    return (*program_files(data.coe, data.platform), *data_files(data), *_system_files(data))


def program_files(coe: str, platform: Platform = Platform.MACHINE) -> tuple[NodeFile, ...]:
    """The program with the steps of one kind of cluster, and the unit that runs it.

    What a server does besides are steps like the others, in their order.
    """
    source = files(__package__) / "program"
    keeping, server = coe in _KEEP_CERTIFICATES, platform is not Platform.MACHINE
    units = (UNIT, *((_KEEPING_UNIT,) if keeping else ()), *((_SERVER_UNIT,) if server else ()))
    names = ("bootstrap", "report", *(_KEEPING if keeping else ()), *(_SERVER if server else ()))
    programs = [
        *((name, source / name) for name in names),
        *((f"lib/{part.name}", part) for part in _sorted(source / "lib")),
        *((f"steps/{coe}/{name}", step) for name, step in _steps(source / "steps", coe, platform).items()),
    ]
    return (
        *(NodeFile(f"/etc/systemd/system/{name}", 0o644, (source / name).read_bytes()) for name in units),
        *(NodeFile(f"{PROGRAM}/{name}", 0o755, _without_comments(program.read_bytes())) for name, program in programs),
    )


def _steps(source: Traversable, coe: str, platform: Platform) -> dict[str, Traversable]:
    folders = [source / coe]
    if platform is not Platform.MACHINE:
        folders += [source / f"{coe}-server", source / f"{coe}-{platform}"]
    if not all(folder.is_dir() for folder in folders):
        raise ValueError(f"the node program has no steps for {coe!r} on {platform}")
    steps = {step.name: step for folder in folders for step in folder.iterdir()}
    return dict(sorted(steps.items()))


def _system_files(data: NodeData) -> tuple[NodeFile, ...]:
    """What a system is not told by those who start it."""
    if data.platform is not Platform.FEDORA_COREOS:
        return ()
    return (
        NodeFile("/etc/hostname", 0o644, f"{data.node_name}\n".encode()),
        NodeFile("/etc/NetworkManager/conf.d/90-pods.conf", 0o644, _NOT_MANAGED),
    )


def data_files(data: NodeData) -> tuple[NodeFile, ...]:
    return tuple(NodeFile(f"{NODE_DATA}/{name}", 0o600, value.encode()) for name, value in data.values().items())


def _without_comments(script: bytes) -> bytes:
    """Leave out whole lines of them: they are a third of the program, and user data has to be small."""
    return _COMMENT.sub(b"", script)


def _sorted(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda file: file.name)
