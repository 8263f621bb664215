"""The user data of several machines in parts: what is the same on all of them is carried once.

A machine's document is the head, its own part, the signal part and the tail, one after the other. So whoever puts them
together (Heat) needs to join texts and no more. The signal part is the file with the URL at which Heat waits for the
machine: it is known inside Heat alone, so `$URL` stands in its place.

The parts put together hold the files that the machine's whole document would hold, and that one file more.
"""

from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from magnum.nodes.cloud_init import CloudConfig, check_size
from magnum.nodes.data import HEAT_SIGNAL_URL, NODE_DATA, NodeData
from magnum.nodes.files import NodeFile, node_files

LONGEST_URL = 1024
"""What is left free for the URL. Heat's have some 600 characters."""
PLACEHOLDER = "$URL"
ESCAPED_PLACEHOLDER = "$ESCAPED_URL"
"""The same for forms in which a `%` of the URL is to be written `%25`."""

Key = TypeVar("Key")


class Form(Protocol):
    """How files become a document whose last part is a list of files."""

    @property
    def end(self) -> str: ...
    def begin(self, files: Sequence[NodeFile], *, closed_folders: Sequence[str] = ()) -> str: ...
    def more(self, files: Sequence[NodeFile]) -> str: ...
    def url_file(self, path: str, mode: int) -> str: ...


class Contents(msgspec.Struct, frozen=True):
    """All that one machine is given."""

    data: NodeData
    files: tuple[NodeFile, ...] = ()


class UserData(msgspec.Struct, Generic[Key], frozen=True):
    """The parts; all but `signal` and `tail` hold secrets."""

    head: str
    own: Mapping[Key, str]
    signal: str
    tail: str

    def __repr__(self) -> str:
        return f"UserData({list(self.own)})"

    def of(self, key: Key, url: str) -> str:
        """Give the document of one machine that signals at this URL."""
        signal = self.signal.replace(ESCAPED_PLACEHOLDER, url.replace("%", "%25")).replace(PLACEHOLDER, url)
        return self.head + self.own[key] + signal + self.tail


def pack(
    machines: Mapping[Key, Contents], *, closed_folders: Sequence[str] = (), form: Form | None = None
) -> UserData[Key]:
    """Raise ValueError, in words for people, when a server would not take its document."""
    form = form or CloudConfig()
    files = {key: (*node_files(machine.data), *machine.files) for key, machine in machines.items()}
    common = frozenset.intersection(*map(frozenset, files.values())) if files else frozenset()
    shared = [file for file in next(iter(files.values()), ()) if file in common]
    packed = UserData(
        head=form.begin(shared, closed_folders=(NODE_DATA, *closed_folders)),
        own={key: form.more([file for file in own if file not in common]) for key, own in files.items()},
        signal=form.url_file(HEAT_SIGNAL_URL, 0o600),
        tail=form.end,
    )
    for key, machine in machines.items():
        check_size(packed.of(key, "x" * LONGEST_URL), f"the user data of {machine.data.node_name}")
    return packed
