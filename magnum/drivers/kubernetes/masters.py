"""Masters come and go while the API answers: the steps that change who is a member of etcd.

A master comes as a learner, without a vote, and gets one when it has caught up: until then nothing depends on it. One
at a time, because etcd takes no second learner. A master that goes loses its vote before its machine does. What is
asked of etcd is looked for first, so every step may run again anywhere.
"""

from collections.abc import Iterator, Sequence

from magnum.coe.etcd import EtcdMember
from magnum.drivers.base import DriverContext
from magnum.drivers.cluster_failures import told
from magnum.model.failures import Code, Fatal
from magnum.model.nodegroups import MASTER
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import HealCluster
from magnum.model.outcomes import Done, Outcome, Wait

from .etcd import Etcd, is_leaving, is_new, joins, masters_of, member_of, peer_url
from .infrastructure import Infrastructure

CALL_TIMEOUT = 8.0


class Masters:
    def __init__(self, infrastructure: Infrastructure, etcd: Etcd) -> None:
        self._infrastructure = infrastructure
        self._etcd = etcd

    def check(self, context: DriverContext) -> Outcome:
        """Refuse, before anything is done, what could cost etcd its majority."""
        if not _leaving(context) and not _coming(context):
            return Done()
        staying = [node for node in masters_of(context) if not is_leaving(node) and not is_new(context, node)]
        with told("looking at etcd"):
            ill = [node.name for node in staying if not self._etcd.client_of(context, node).is_healthy()]
            if not ill:
                return Done()
            text = f"etcd is not healthy on {', '.join(ill)}"
            if not isinstance(context.operation.arguments, HealCluster):
                raise Fatal(
                    Code.COE_REFUSED,
                    f"{text}, so no master can be added or removed now. Have that mended, then retry.",
                )
            voters = [] if len(ill) == len(staying) else _voters(self._etcd.client(context).members())
            if 2 * (len(staying) - len(ill)) <= len(voters) or not voters:
                raise Fatal(
                    Code.COE_REFUSED,
                    f"{text}: too few masters are left to replace one. "
                    "Switch on what can be switched on; when most of them are well again, retry.",
                )
        return Done()

    def join(self, context: DriverContext) -> Outcome:
        """Bring new masters up, one after the other, each from its member's first day to its report."""
        coming = _coming(context)
        if not coming:
            return Done()
        with told("adding masters to etcd"):
            self._remove(context, self._stale(context))
            for node in coming:
                if node.state is NodeState.FAILED:
                    raise Fatal(Code.NODE_STEP, f"{node.name}: step {node.failed_step} failed: {node.report}")
                if node.state is NodeState.PLANNED:
                    return self._bring_up(context, node)
        return Done()

    def leave(self, context: DriverContext) -> Outcome:
        """Take masters that are to go out of etcd."""
        leaving = _leaving(context)
        if leaving:
            with told("removing masters from etcd"):
                members = self._etcd.client(context).members()
                self._remove(context, [member for node in leaving if (member := member_of(node, members))])
        return Done()

    def balance(self, context: DriverContext) -> Outcome:
        """Let connections go to the masters that stay and are up; those that begin together come up by themselves."""
        ready = [node for node in masters_of(context) if not is_leaving(node) and not is_new(context, node)]
        return self._infrastructure.balance(context, ready)

    def _bring_up(self, context: DriverContext, node: Node) -> Outcome:
        client = self._etcd.client(context)
        if member_of(node, client.members()) is None:
            with context.provider_call(f"add {node.name} to etcd", timeout=CALL_TIMEOUT):
                client.add_learner(peer_url(node))
        started = self._infrastructure.start(context, lambda other: other.uuid == node.uuid)
        if isinstance(started, Wait):
            return started
        member = member_of(node, client.members())
        if member is not None and member.is_learner:
            with context.provider_call(f"give {node.name} a vote in etcd", timeout=CALL_TIMEOUT):
                if not client.promote(member.id):
                    return Wait(1.0, f"{node.name} is catching up with the other members of etcd")
        return Wait(0.5, f"waiting for the report of {node.name}")

    def _stale(self, context: DriverContext) -> list[EtcdMember]:
        """Find members that are in the way: of nodes that are forgotten or never came up, and dead ones that go.

        etcd takes nobody in while one of its members does not answer.
        """
        kept = [node for node in masters_of(context) if not is_leaving(node) or self._is_alive(context, node)]
        members = self._etcd.client(context).members()
        used = [member_of(node, members) for node in kept]
        return [member for member in members if member not in used]

    def _is_alive(self, context: DriverContext, node: Node) -> bool:
        return node.member_id is not None and self._etcd.client_of(context, node).is_healthy()

    def _remove(self, context: DriverContext, going: Sequence[EtcdMember]) -> None:
        """Remove members, having another lead first where one of them does: else nothing could be written meanwhile."""
        client = self._etcd.client(context)
        for member in going:
            if client.leader() == member.id:
                self._relieve(context, member, going)
            with context.provider_call(f"take {member.name or 'a new member'} out of etcd", timeout=CALL_TIMEOUT):
                client.remove(member.id)

    def _relieve(self, context: DriverContext, leader: EtcdMember, going: Sequence[EtcdMember]) -> None:
        members = self._etcd.client(context).members()
        known = [node for node in masters_of(context) if member_of(node, members) == leader]
        others = [member for member in _voters(members) if member not in going]
        for node in known if others else ():
            with context.provider_call(f"let {others[0].name} lead etcd", timeout=CALL_TIMEOUT):
                self._etcd.client_of(context, node).transfer_leadership(others[0].id)


def _leaving(context: DriverContext) -> list[Node]:
    return [node for node in context.changing if node.role == MASTER and node.address and is_leaving(node)]


def _coming(context: DriverContext) -> list[Node]:
    """Give those that join, whether they have come up yet or not."""
    return sorted(_joining(context), key=lambda node: node.number)


def _joining(context: DriverContext) -> Iterator[Node]:
    for node in context.changing:
        if node.role == MASTER and not is_leaving(node) and joins(context, node):
            yield node


def _voters(members: Sequence[EtcdMember]) -> list[EtcdMember]:
    return [member for member in members if not member.is_learner]
