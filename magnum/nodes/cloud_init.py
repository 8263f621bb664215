"""A node's files as user data for cloud-init: the form that Nova's metadata and a NoCloud folder carry.

The same files give the same text, so a launch can be repeated and compared. The list of files is the document's last
part, so more of them can be put at its end, as text (see `packing`). What is one short line stays readable in it; the
rest is compressed, because Nova takes no more than 64 KiB. cloud-init writes a file before it sets the file's mode, so
the folder of the node's data is made, closed to all but root, before anything is put into it.
"""

import base64
import gzip
from collections.abc import Sequence

import yaml

from magnum.nodes.data import NODE_DATA, NodeData
from magnum.nodes.files import UNIT, NodeFile, node_files

MAX_BYTES = 65535 // 4 * 3
"""What Nova accepts is 65535 bytes of base64."""

_READABLE = 512


class CloudConfig:
    """The parts of a cloud-config, in their order."""

    end = ""

    def begin(self, files: Sequence[NodeFile], *, closed_folders: Sequence[str] = (), unit: str = UNIT) -> str:
        """Start a unit, now and at every boot, when these files and more are in place."""
        closing = {"bootcmd": [["install", "--directory", "--mode=0700", *closed_folders]]} if closed_folders else {}
        commands = [
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", unit],
            ["systemctl", "start", "--no-block", unit],  # cloud-init's own end does not wait for the cluster
        ]
        return f"#cloud-config\n{_dump({**closing, 'runcmd': commands})}write_files:\n{self.more(files)}"

    def more(self, files: Sequence[NodeFile]) -> str:
        return _dump([_entry(file) for file in files]) if files else ""

    def url_file(self, path: str, mode: int) -> str:
        """Put a file whose content is `$URL`, and stays readable whatever takes its place."""
        return _dump([{"path": path, "permissions": f"{mode:04o}", "content": "$URL"}])


def cloud_config(data: NodeData, files: Sequence[NodeFile] = (), *, closed_folders: Sequence[str] = ()) -> str:
    """The user data with which a machine becomes the node that `data` describes, and gets these files besides.

    Files that are secret go into closed folders.
    """
    return render((*node_files(data), *files), closed_folders=(NODE_DATA, *closed_folders))


def render(files: Sequence[NodeFile], *, closed_folders: Sequence[str] = (), unit: str = UNIT) -> str:
    """Put the files in place and start a unit, now and at every boot."""
    text = CloudConfig().begin(files, closed_folders=closed_folders, unit=unit)
    check_size(text, "the node's user data")
    return text


def check_size(text: str, what: str) -> None:
    size = len(text.encode())
    if size > MAX_BYTES:
        raise ValueError(f"{what} has {size} bytes; a server takes {MAX_BYTES} at most")


def _dump(content: object) -> str:
    text: str = yaml.safe_dump(content, sort_keys=False, width=1 << 20)
    return text


def _entry(file: NodeFile) -> dict[str, str]:
    entry = {"path": file.path, "permissions": f"{file.mode:04o}"}
    if len(file.content) <= _READABLE and file.content.isascii() and b"\n" not in file.content:
        return entry | {"content": file.content.decode()}
    compressed = gzip.compress(file.content, mtime=0)
    return entry | {"encoding": "gz+b64", "content": base64.b64encode(compressed).decode()}
