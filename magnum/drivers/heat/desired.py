"""What a stack is to be, as values, and as what Heat is sent.

User data is not a part of it: it holds tokens, is made only when Heat is really going to be asked, and goes only to
servers that have not booted yet. `content` is a digest of all the rest; a stack carries it, so whoever looks can tell
whether the stack is what is wanted, without having made a single token.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from magnum.openstack.heat import StackRequest

from . import templates
from .mappings import Json

TAG = "magnum"
"""On every stack of ours, so that one list gives them and no others."""
MASTER, WORKER = "master", "worker"
"""What the nodes of a group are called in parameters and in outputs."""


class Machine(msgspec.Struct, frozen=True):
    """What a server is made with; it stands in the stack. Of `edition` and `instance` only we know what they mean."""

    name: str
    image: str
    flavor: str
    edition: str = ""
    instance: str = ""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The nodes of a group, by their numbers: which have a place, and their names; which of them have a server."""

    places: Mapping[int, str] = {}
    servers: Mapping[int, Machine] = {}


class UserData(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a document: head, the node's own, signal, tail. In `signal`, $URL becomes the node's own URL."""

    head: str = ""
    own: Mapping[int, str] = {}
    """Only of nodes that are yet to boot."""
    signal: str = ""
    tail: str = ""

    def __repr__(self) -> str:
        return "UserData(…)"

    def __rich_repr__(self) -> list[tuple[str, Json]]:
        return []


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """`masters` is None for a stack of one more group of workers."""

    name: str
    cluster_uuid: str
    operation: str
    parameters: Mapping[str, Json]
    workers: Group
    masters: Group | None = None
    declared: Mapping[str, Json] = {}
    """Parameters of a driver's own, as the template is to declare them: those whose values are in `parameters`."""
    timeout_minutes: int = 60

    @property
    def template(self) -> str:
        return templates.NODEGROUP if self.masters is None else templates.CLUSTER

    @property
    def groups(self) -> dict[str, Group]:
        return {WORKER: self.workers} | ({} if self.masters is None else {MASTER: self.masters})

    def files(self) -> dict[str, str]:
        named = {WORKER: templates.WORKERS, MASTER: templates.MASTERS}
        made = {named[role]: templates.group(group.places, group.servers) for role, group in self.groups.items()}
        return templates.files(self.template) | made

    @property
    def content(self) -> str:
        """A digest of the templates and of all parameters, hidden ones too."""
        whole = [templates.top(self.template, self.declared), self.files(), self._nodes(), dict(self.parameters)]
        return hashlib.sha256(msgspec.json.encode(whole, order="sorted")).hexdigest()[:32]

    def request(self, user_data: Mapping[str, UserData]) -> StackRequest:
        """Give what Heat is sent; `user_data` by role, as in `groups`."""
        parameters = (
            dict(self.parameters)
            | self._nodes()
            | {
                "cluster_uuid": self.cluster_uuid,
                "operation": self.operation,
                "content": self.content,
            }
        )
        for role, data in user_data.items():
            parameters |= {
                f"{role}_user_data_head": data.head,
                f"{role}_own_user_data": {str(number): text for number, text in data.own.items()},
                f"{role}_user_data_signal": data.signal,
                f"{role}_user_data_tail": data.tail,
            }
        return StackRequest(
            name=self.name,
            template=templates.top(self.template, self.declared),
            files=self.files(),
            parameters=parameters,
            timeout_minutes=self.timeout_minutes,
            tags=(TAG,),
        )

    def _nodes(self) -> dict[str, Json]:
        values: dict[str, Json] = {}
        for role, group in self.groups.items():
            values[f"{role}_places"] = {str(number): name for number, name in group.places.items()}
            values[f"{role}_servers"] = {
                str(number): msgspec.to_builtins(machine) for number, machine in group.servers.items()
            }
        return values
