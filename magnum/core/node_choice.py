"""Which nodes of a group go and how many come, as far as rows alone tell.

First go those that were asked for by name and those that will never be of use: their set-up has failed, or their
credential has run out before they reported. If more are to go, those that were never set up go next, the youngest
first; which of the working ones goes after that is for the driver to say, who knows what runs on them.

Pure: conductors carry it out, and a plan shows it beforehand, so both say the same.
"""

from collections.abc import Collection, Sequence

import msgspec

from magnum.model.nodes import Node, NodeState


class NodeChoice(msgspec.Struct, frozen=True, kw_only=True):
    """`replaced` and `removed` go, `added` + one for each replaced come.

    `undecided` more go of those in `working`, the driver says which. `unknown` are words that fit no node.
    """

    replaced: tuple[Node, ...]
    removed: tuple[Node, ...]
    added: int
    undecided: int
    working: tuple[Node, ...]
    unknown: tuple[str, ...]

    @property
    def coming(self) -> int:
        return self.added + len(self.replaced)

    @property
    def leaving(self) -> tuple[Node, ...]:
        return self.replaced + self.removed


def choose_nodes(
    own: Sequence[Node], node_count: int, *, named: Sequence[str] = (), run_out: Collection[str] = ()
) -> NodeChoice:
    """Bring the nodes of one group to the count. `run_out` are the UUIDs of nodes that cannot report any more."""
    found, unknown = _find(own, named)
    present = [node for node in own if node.state is not NodeState.REMOVING]
    going = [node for node in present if node in found or _is_lost(node, run_out)]
    staying = [node for node in present if node not in going]
    coming, excess = max(0, node_count - len(staying)), max(0, len(staying) - node_count)
    idle = sorted((node for node in staying if node.state is NodeState.PLANNED), key=lambda node: -node.number)[:excess]
    return NodeChoice(
        replaced=tuple(going[:coming]),
        removed=(*going[coming:], *idle),
        added=coming - len(going[:coming]),
        undecided=excess - len(idle),
        working=tuple(node for node in staying if node not in idle),
        unknown=tuple(unknown),
    )


def _is_lost(node: Node, run_out: Collection[str]) -> bool:
    return node.state is NodeState.FAILED or (node.state is NodeState.PLANNED and node.uuid in run_out)


def _find(own: Sequence[Node], wanted: Sequence[str]) -> tuple[list[Node], list[str]]:
    """Find nodes by any of the words that their owner may know them by; give those found, and words that fit none."""
    words = {node.uuid: _words(node) for node in own}
    found = [node for node in own if words[node.uuid] & set(wanted)]
    known = set().union(*words.values())
    return found, [word for word in wanted if word not in known]


def _words(node: Node) -> set[str | None]:
    """Give what it is known by: to its owner, to its cluster, to its provider, and in its group (the autoscaler)."""
    addresses = {node.address, node.floating_address}
    return {node.uuid, node.name, node.member_id, node.server_id, str(node.number)} | addresses
