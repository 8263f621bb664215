"""A node's files as Ignition, version 3.0.0 of its specification: the user data of Fedora CoreOS.

Ignition writes everything before the system boots for the first time, each file with its mode at once, and systemd
enables the unit of the node program by itself. The list of files is the document's last part (see `packing`). Here too
what is one short line stays readable and the rest is compressed. A `%` is an escape in a data URL.
"""

import base64
import gzip
import json
import re
from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from magnum.nodes.files import UNIT, NodeFile
from magnum.nodes.limits import check_form

VERSION = "3.0.0"
USER = "core"
_READABLE = 512
_SSH_KEY = re.compile(r"[!-~]{1,64} [A-Za-z0-9+/=]{1,16384}( [ -!#-\[\]-~]{0,256})?")
_SELINUX = re.compile(r"enforcing|permissive|disabled")
_NO_UPDATES = NodeFile("/etc/zincati/config.d/90-disable-auto-updates.toml", 0o644, b"[updates]\nenabled = false\n")
"""A node that restarts for a new system when it likes would take its pods along."""


class Ignition(msgspec.Struct, frozen=True):
    """The parts of a configuration, in their order: who may log in, the unit that is enabled, folders and files."""

    ssh_key: str | None = None
    selinux: str = "enforcing"

    def __post_init__(self) -> None:
        if self.ssh_key is not None:
            check_form("ssh_key", _SSH_KEY, self.ssh_key)
        check_form("selinux", _SELINUX, self.selinux)

    @property
    def end(self) -> str:
        return "]}}"

    def begin(self, files: Sequence[NodeFile], *, closed_folders: Sequence[str] = ()) -> str:
        user = {"name": USER} | ({"sshAuthorizedKeys": [self.ssh_key]} if self.ssh_key else {})
        selinux = f"SELINUX={self.selinux}\nSELINUXTYPE=targeted\n".encode()
        settings = {
            "ignition": {"version": VERSION},
            "passwd": {"users": [user]},
            "systemd": {"units": [{"name": UNIT, "enabled": True}, {"name": "zincati.service", "mask": True}]},
            "storage": {
                "directories": [{"path": folder, "mode": 0o700, "overwrite": False} for folder in closed_folders],
                "files": [],
            },
        }
        opened = _json(settings).removesuffix(self.end)
        return opened + self.more([_NO_UPDATES, NodeFile("/etc/selinux/config", 0o644, selinux), *files])

    def more(self, files: Sequence[NodeFile]) -> str:
        """Each with a comma behind it: the last file of all is that with the URL."""
        return "".join(_json(_entry(file)) + "," for file in files)

    def url_file(self, path: str, mode: int) -> str:
        return _json(_placed(path, mode, {"source": "data:,$ESCAPED_URL"}))


def _json(content: object) -> str:
    return json.dumps(content, separators=(",", ":"))


def _entry(file: NodeFile) -> dict[str, object]:
    if len(file.content) <= _READABLE and file.content.isascii() and b"\n" not in file.content:
        return _placed(file.path, file.mode, {"source": f"data:,{quote(file.content, safe='/:')}"})
    compressed = base64.b64encode(gzip.compress(file.content, mtime=0)).decode()
    return _placed(file.path, file.mode, {"source": f"data:;base64,{compressed}", "compression": "gzip"})


def _placed(path: str, mode: int, contents: dict[str, str]) -> dict[str, object]:
    return {"path": path, "mode": mode, "overwrite": True, "contents": contents}
