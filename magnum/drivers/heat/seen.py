"""What a stack says of itself: where its nodes live, what their servers were made with, and how the API is reached.

A stack that failed, or is not done yet, says less: any address can be missing. Nothing here is what is wanted; that
is in `desired`.
"""

import msgspec

from magnum.openstack.heat import Stack, StackDetails

from .desired import MASTER, WORKER, Machine
from .mappings import Json, Output, read


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What place.yaml gives; an empty text is None."""

    address: str | None = None
    floating_address: str | None = None
    port: str | None = None
    etcd_volume: str | None = None
    docker_volume: str | None = None

    @property
    def reachable(self) -> str | None:
        """Where a node is reached from outside its network, as far as it is."""
        return self.floating_address or self.address


class SeenServer(msgspec.Struct, frozen=True):
    """`id` is Nova's; None until there is a server."""

    id: str | None
    machine: Machine


class SeenGroup(msgspec.Struct, frozen=True):
    places: dict[int, Place] = {}
    servers: dict[int, SeenServer] = {}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    stack: Stack
    operation: str | None
    """Which operation asked for the stack as it is, and a digest of what it asked for."""
    content: str | None
    masters: SeenGroup
    workers: SeenGroup
    api_address: str | None = None
    """Without scheme and port."""
    api_private_address: str | None = None
    network: str | None = None
    subnet: str | None = None
    cidr: str | None = None
    """As it was asked for: of a private network its own."""
    worker_security_group: str | None = None


OUTPUTS: tuple[Output, ...] = (
    Output("api_address", "api_address"),
    Output("api_private_address", "api_private_address"),
    Output("fixed_network", "network"),
    Output("fixed_subnet", "subnet"),
    Output("secgroup_kube_minion", "worker_security_group"),
)


def seen(details: StackDetails) -> Seen:
    """Read what Heat says. Raises msgspec.ValidationError when it makes no sense."""
    return msgspec.convert(
        read(OUTPUTS, details.outputs)
        | {
            "stack": details.stack,
            "operation": details.parameters.get("operation"),
            "content": details.parameters.get("content"),
            "cidr": details.parameters.get("fixed_subnet_cidr"),
            "masters": _group(details, MASTER),
            "workers": _group(details, WORKER),
        },
        Seen,
    )


def _group(details: StackDetails, role: str) -> SeenGroup:
    made_with = msgspec.json.decode(details.parameters.get(f"{role}_servers") or "{}", type=dict[int, Machine])
    named = msgspec.json.decode(details.parameters.get(f"{role}_places") or "{}", type=dict[int, str])
    places = _by_number(details.outputs.get(f"{role}_places"))
    ids = _by_number(details.outputs.get(f"{role}_refs_map"))
    return SeenGroup(
        {number: _place(places.get(number)) for number in named},
        {number: SeenServer(ids.get(number), machine) for number, machine in made_with.items()},
    )


def _place(found: Json) -> Place:
    values = found.items() if isinstance(found, dict) else ()
    return msgspec.convert({name: value or None for name, value in values}, Place)


def _by_number(found: Json) -> dict[int, Json]:
    return {int(number): value for number, value in found.items()} if isinstance(found, dict) else {}
