"""The members of a cluster's etcd: who is one, who is to become one, and what each of them says.

Masters that are made with the cluster begin etcd together. Every later one joins: its member is added first. Which of
the two a master is follows from the operation and its number; numbers are never used twice. Nothing here changes
anything; `masters` does.
"""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

from magnum.coe.etcd import PEER_PORT, EtcdClient, EtcdMember
from magnum.drivers.base import ClientTls, DriverContext
from magnum.drivers.node_groups import group_of
from magnum.model.failures import Code, Retry
from magnum.model.nodegroups import MASTER
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import CreateCluster
from magnum.model.signing import CaType
from magnum.nodes.kubernetes.cluster import Member

Connect = Callable[[Sequence[str], ClientTls], EtcdClient]


def masters_of(context: DriverContext) -> list[Node]:
    """Give the masters that have an address, in the order of their numbers."""
    found = (node for node in context.nodes if node.role == MASTER and node.address is not None)
    return sorted(found, key=lambda node: node.number)


def joins(context: DriverContext, node: Node) -> bool:
    """Whether etcd was there before this master: then it is added to it, once."""
    if node.role != MASTER or node.member_id is not None:
        return False
    is_first = isinstance(context.operation.arguments, CreateCluster)
    return not is_first or node.number > group_of(context, node).node_count


def is_new(context: DriverContext, node: Node) -> bool:
    """Whether it is to join and has not come up yet: nobody may count on it."""
    return joins(context, node) and node.state in (NodeState.PLANNED, NodeState.FAILED)


def as_member(node: Node) -> Member:
    return Member(node.name, IPv4Address(str(node.address)))


def peer_url(node: Node) -> str:
    return f"https://{node.address}:{PEER_PORT}"


class Etcd:
    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def client(self, context: DriverContext) -> EtcdClient:
        """Ask the masters that stay."""
        staying = [node for node in masters_of(context) if not is_new(context, node) and not is_leaving(node)]
        if not staying:
            raise Retry(Code.COE_UNREACHABLE, "No master stays whose etcd could be asked.")
        return self._connected(context, staying)

    def client_of(self, context: DriverContext, node: Node) -> EtcdClient:
        return self._connected(context, [node])

    def described(self, context: DriverContext, node: Node) -> tuple[Member, ...]:
        """Give all members as a new one has to know them; itself it has to be among them already."""
        known = {peer_url(master): as_member(master) for master in masters_of(context)}
        members = self.client(context).members()
        strangers = [member for member in members if _url(member) not in known]
        if strangers or peer_url(node) not in map(_url, members):
            raise Retry(
                Code.COE_REFUSED, f"{node.name} cannot join etcd yet: other members than its masters are in it."
            )
        return tuple(known[_url(member)] for member in members)

    def _connected(self, context: DriverContext, nodes: Sequence[Node]) -> EtcdClient:
        return self._connect([str(node.reached_at) for node in nodes], context.client_tls(CaType.ETCD))


def is_leaving(node: Node) -> bool:
    return node.state is NodeState.REMOVING


def member_of(node: Node, members: Sequence[EtcdMember]) -> EtcdMember | None:
    """Find it by its address: one that has not started yet has no name."""
    return next((member for member in members if _url(member) == peer_url(node)), None)


def _url(member: EtcdMember) -> str:
    return member.peer_urls[0] if member.peer_urls else ""
