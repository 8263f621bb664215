"""Servers of a cloud as what a cluster of Kubernetes runs on: its stacks, changed a stage at a time.

Every stage says which nodes have a place and which of them a server; all else of a stack follows from rows. What runs
is read back and sent again as it is. A stage whose stack is so already asks for nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import msgspec

from magnum.conf.settings import Settings
from magnum.drivers.base import DriverContext, Step
from magnum.drivers.heat.desired import Desired, Group, Machine
from magnum.drivers.heat.leftovers import Leftovers
from magnum.drivers.heat.mappings import evaluate
from magnum.drivers.heat.parameters import CLUSTER, NODEGROUP
from magnum.drivers.heat.seen import Seen
from magnum.drivers.heat.stacks import CALL_LIMIT, Stacks
from magnum.drivers.kubernetes.infrastructure import Server
from magnum.drivers.kubernetes.nodes import Nodes
from magnum.drivers.node_groups import group_of, leaving
from magnum.model.clocks import MICROSECONDS
from magnum.model.failures import Code, Failure, Fatal, Retry
from magnum.model.ledger import CloudResource
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import DeleteNodeGroup
from magnum.model.outcomes import Done, Outcome, Wait

from .facts import facts_of
from .node_stacks import NodeStack, changing_stacks, cluster_stack, group_in, stacks_of
from .sight import Sight
from .surroundings import Surroundings
from .user_data import UserDataMaker

SPARE_MINUTES = 2
"""Heat gives up so much earlier than we do, and says why."""
LONGEST_MINUTES = 60
PAUSE = 1.0
Servers = Mapping[str, Mapping[int, Machine]]
"""By the role of a group, and the number of a node."""


class HeatInfrastructure:
    def __init__(
        self,
        *,
        settings: Settings,
        stacks: Stacks,
        sight: Sight,
        nodes: Nodes,
        surroundings: Surroundings,
        user_data: UserDataMaker,
        leftovers: Leftovers,
    ) -> None:
        self._settings = settings
        self._stacks = stacks
        self._sight = sight
        self._nodes = nodes
        self._surroundings = surroundings
        self._user_data = user_data
        self._leftovers = leftovers

    # -- places --------------------------------------------------------------------------------------------------------

    def prepare(self, context: DriverContext) -> Outcome:
        for tag in sorted({self._nodes.version(context, node).tag for node in context.changing}):
            self._surroundings.check(tag)
        return Done()

    def network(self, context: DriverContext) -> Outcome:
        return self._have_places(context, cluster_stack(context))

    def places(self, context: DriverContext) -> Outcome:
        if waiting := _together(self._have_places(context, stack) for stack in changing_stacks(context)):
            return waiting
        for stack in changing_stacks(context):
            seen = self._there(context, stack)
            for role in stack.groups:
                found = group_in(seen, role).places
                for node in stack.nodes(context, role):
                    place = found.get(node.number)
                    if node.address is None and place is not None and place.address is not None:
                        address, floating = place.address, place.floating_address
                        context.save_node(msgspec.structs.replace(node, address=address, floating_address=floating))
        missing = [node.name for node in context.changing if node.state is NodeState.PLANNED and node.address is None]
        return Wait(PAUSE, f"waiting for the addresses of {', '.join(missing)}") if missing else Done()

    def _have_places(self, context: DriverContext, stack: NodeStack) -> Outcome:
        """Make them; what an earlier operation could not bring up makes way, to be brought up by this one."""
        seen = self._sight.seen(context, stack.name)
        servers: Servers = _running(context, stack, seen)
        if seen is not None and seen.stack.status.endswith("_FAILED") and seen.operation != context.operation.uuid:
            servers = self._without_failed(context, stack, servers)
        outcome = self._converge(context, stack, servers)
        if isinstance(outcome, Done):
            self._know_stack(context, stack)
        return outcome

    def _without_failed(self, context: DriverContext, stack: NodeStack, servers: Servers) -> Servers:
        masters, workers = self._stacks.failed_nodes(context, stack.name)
        failed = dict(zip(("master", "worker"), (masters, workers), strict=True))
        built = {
            role: {node.number for node in stack.nodes(context, role) if node.state is NodeState.JOINED}
            for role in stack.groups
        }
        return {
            role: {n: machine for n, machine in group.items() if n not in failed[role] or n in built[role]}
            for role, group in servers.items()
        }

    def _know_stack(self, context: DriverContext, stack: NodeStack) -> None:
        """Let rows say which stack is theirs: clients look into it."""
        identity = self._there(context, stack).stack.id
        if stack.is_of_cluster and context.cluster.stack_id != identity:
            context.update_cluster(stack_id=identity)
        for group in stack.groups.values():
            if group.stack_id != identity:
                context.update_nodegroup(group, stack_id=identity)

    # -- servers -------------------------------------------------------------------------------------------------------

    def start(self, context: DriverContext, only: Callable[[Node], bool]) -> Outcome:
        waiting = _together(self._start(context, stack, only) for stack in changing_stacks(context))
        return waiting or Done()

    def _start(self, context: DriverContext, stack: NodeStack, only: Callable[[Node], bool]) -> Outcome:
        seen = self._there(context, stack)
        there, coming = _running(context, stack, seen), []
        planned = {node.uuid for node in context.changing if node.state is NodeState.PLANNED and only(node)}
        for role in stack.groups:
            nodes = stack.nodes(context, role)
            coming += [node for node in nodes if node.uuid in planned and node.number not in there[role]]
        if coming and seen.stack.in_progress:
            return _busy(seen)
        if not coming and not seen.stack.status.endswith("_FAILED"):
            return Done()
        return self._converge(context, stack, there, {node.uuid: node.uuid for node in coming})

    def reports(self, context: DriverContext) -> Outcome:
        for node in context.changing:
            if node.state is NodeState.FAILED:
                raise Fatal(Code.NODE_STEP, f"{node.name}: step {node.failed_step} failed: {node.report}")
        waiting = _together(self._settled(context, stack) for stack in changing_stacks(context))
        awaited = [node.name for node in context.changing if node.state is NodeState.PLANNED]
        if awaited:
            return Wait(PAUSE, f"waiting for the report of {', '.join(awaited)}")
        if waiting:
            return waiting
        for stack in changing_stacks(context):
            seen = self._there(context, stack)
            for role in stack.groups:
                for node in stack.nodes(context, role):
                    server = group_in(seen, role).servers.get(node.number)
                    if server is not None and server.id != node.server_id:
                        context.save_node(msgspec.structs.replace(node, server_id=server.id))
        return Done()

    def _settled(self, context: DriverContext, stack: NodeStack) -> Outcome:
        """Wait for Heat; raise why it has failed, if so."""
        seen = self._there(context, stack)
        if seen.stack.in_progress:
            return _busy(seen)
        if seen.stack.complete:
            return Done()
        return self._converge(context, stack, _running(context, stack, seen))

    def balance(self, context: DriverContext, masters: Sequence[Node]) -> Outcome:
        """The load balancer has every master that has a place, and looks itself which of them answer."""
        del context, masters
        return Done()

    def edition(self, context: DriverContext, node: Node) -> str:
        return f"{self._nodes.edition(context, node)} {self._surroundings.image(context, node)}"

    def servers(self, context: DriverContext) -> Mapping[str, Server]:
        """Those that Heat could not bring up do not run."""
        found = {}
        for stack in stacks_of(context):
            seen = self._sight.seen(context, stack.name)
            if seen is None:
                continue
            for role in stack.groups:
                there = group_in(seen, role).servers
                for node in stack.nodes(context, role):
                    if (server := there.get(node.number)) is not None:
                        failed = seen.stack.status.endswith("_FAILED") and node.state is NodeState.PLANNED
                        edition, instance = server.machine.edition, server.machine.instance
                        found[node.name] = Server(running=not failed, edition=edition, instance=instance)
        return found

    def rebuilt_as(self, context: DriverContext, node: Node) -> str:
        return f"{node.uuid}/{context.operation.uuid}"

    def rebuild(self, context: DriverContext, node: Node) -> Outcome:
        """First without a server, then with a new one: the place stays, and what is attached to it."""
        stack = next(stack for stack in stacks_of(context) if group_of(context, node) in stack.groups.values())
        role = next(role for role, group in stack.groups.items() if group.uuid == node.nodegroup_uuid)
        seen = self._there(context, stack)
        if seen.stack.in_progress:
            return _busy(seen)
        if node.state is not NodeState.PLANNED:
            new = msgspec.structs.replace(
                node, state=NodeState.PLANNED, failed_step=None, report=None, reported_at=None
            )
            with context.provider_call(f"rebuild server {node.name}", timeout=CALL_LIMIT):
                context.save_node(new)  # only now: whoever may only look gets no further than here
            node = new
        there = _running(context, stack, seen)
        instance = self.rebuilt_as(context, node)
        machine = there[role].get(node.number)
        if machine is None:
            self._converge(context, stack, there, {node.uuid: instance})
            return Done()
        others = {n: one for n, one in there[role].items() if n != node.number}
        self._converge(context, stack, {**there, role: others})
        return Wait(PAUSE, f"{node.name} makes way for its successor")

    def revived(self, context: DriverContext, node: Node) -> Failure:
        stack = next(stack for stack in stacks_of(context) if group_of(context, node) in stack.groups.values())
        try:
            self._converge(context, stack, _running(context, stack, self._there(context, stack)))
        except Fatal as failure:
            return failure
        return Retry(Code.NODE_DEAD, f"Heat could not bring up {node.name}, and is asked once more.")

    # -- the end -------------------------------------------------------------------------------------------------------

    def cut_off(self, context: DriverContext) -> Outcome:
        waiting = _together(self._without_leaving(context, stack) for stack in changing_stacks(context))
        return waiting or Done()

    def _without_leaving(self, context: DriverContext, stack: NodeStack) -> Outcome:
        seen = self._there(context, stack)
        gone = {node.uuid for node in leaving(context)}
        there = _running(context, stack, seen)
        kept = {
            role: {
                node.number: there[role][node.number]
                for node in stack.nodes(context, role)
                if node.number in there[role] and node.uuid not in gone
            }
            for role in stack.groups
        }
        return self._converge(context, stack, kept)

    def remove(self, context: DriverContext) -> Outcome:
        going = leaving(context)
        if isinstance(context.operation.arguments, DeleteNodeGroup):
            outcomes = [self._stacks.delete_one(context, stack.name) for stack in changing_stacks(context)]
        else:
            gone = frozenset(node.uuid for node in going)
            stacks = changing_stacks(context) if going else ()
            outcomes = [self._forget(context, stack, gone) for stack in stacks]
        if waiting := _together(outcomes):
            return waiting
        for node in going:
            context.remove_node(node)
        return Done()

    def _forget(self, context: DriverContext, stack: NodeStack, gone: frozenset[str]) -> Outcome:
        if not any(node.uuid in gone for role in stack.groups for node in stack.nodes(context, role)):
            return Done()
        seen = self._there(context, stack)
        there = _running(context, stack, seen)
        numbers = {
            role: {node.number for node in stack.nodes(context, role) if node.uuid not in gone} for role in stack.groups
        }
        kept = {role: {n: one for n, one in group.items() if n in numbers[role]} for role, group in there.items()}
        return self._converge(context, stack, kept, without=gone)

    def delete_steps(self) -> Sequence[Step]:
        return (
            *self._leftovers.before_stacks(),
            Step("take stacks down", self._stacks.delete, 3 * CALL_LIMIT),
            *self._leftovers.after_stacks(),
        )

    def linger(self, context: DriverContext) -> Sequence[CloudResource]:
        return self._stacks.linger(context)

    def resume(self) -> None:
        """A cloud goes on by itself."""

    # -- inside --------------------------------------------------------------------------------------------------------

    def _there(self, context: DriverContext, stack: NodeStack) -> Seen:
        seen = self._sight.seen(context, stack.name)
        if seen is None:
            raise Retry(Code.PROVIDER_REFUSED, f"The stack {stack.name} is not there yet, or not any more.")
        return seen

    def _converge(
        self,
        context: DriverContext,
        stack: NodeStack,
        servers: Servers,
        new: Mapping[str, str] | None = None,
        without: frozenset[str] = frozenset(),
    ) -> Outcome:
        """Bring a stack to hold these servers, and new ones for nodes by UUID, as these instances."""
        coming = {
            role: [node for node in stack.nodes(context, role) if node.uuid in (new or {})] for role in stack.groups
        }
        groups = {}
        for role in stack.groups:
            made = {node.number: self._machine(context, node, (new or {})[node.uuid]) for node in coming[role]}
            named = {node.number: node.name for node in stack.nodes(context, role) if node.uuid not in without}
            groups[role] = Group(places=named, servers={**servers[role], **made})
        desired = self._desired(context, stack, groups)
        seen = self._sight.seen(context, stack.name)
        if seen is not None and seen.stack.complete and seen.content == desired.content:
            return Done()
        return self._stacks.converge(context, desired, partial(self._user_data.make, context, coming))

    def _desired(self, context: DriverContext, stack: NodeStack, groups: Mapping[str, Group]) -> Desired:
        cluster = None if stack.is_of_cluster else self._there(context, cluster_stack(context))
        facts = facts_of(context, self._settings, stack, cluster, self._surroundings.subnet_cidr(context))
        deadline, now = context.operation.deadline, context.clock.now()
        minutes = LONGEST_MINUTES if deadline is None else (deadline - now) // (60 * MICROSECONDS) - SPARE_MINUTES
        return Desired(
            name=stack.name,
            cluster_uuid=context.cluster.uuid,
            operation=context.operation.uuid,
            parameters=evaluate(CLUSTER if stack.is_of_cluster else NODEGROUP, facts),
            workers=groups["worker"],
            masters=groups.get("master"),
            timeout_minutes=max(1, minutes),
        )

    def _machine(self, context: DriverContext, node: Node, instance: str) -> Machine:
        return Machine(
            name=node.name,
            image=self._surroundings.image(context, node),
            flavor=self._surroundings.flavor(context, node),
            edition=self.edition(context, node),
            instance=instance,
        )


def _running(context: DriverContext, stack: NodeStack, seen: Seen | None) -> dict[str, dict[int, Machine]]:
    """Give the servers that there are, of nodes that we know."""
    found: dict[str, dict[int, Machine]] = {}
    for role in stack.groups:
        known = {node.number for node in stack.nodes(context, role)}
        servers = {} if seen is None else group_in(seen, role).servers
        found[role] = {number: server.machine for number, server in servers.items() if number in known}
    return found


def _together(outcomes: Iterable[Outcome]) -> Wait | None:
    waiting = [outcome for outcome in outcomes if isinstance(outcome, Wait)]
    return Wait(waiting[0].seconds, "; ".join(one.reason for one in waiting)) if waiting else None


def _busy(seen: Seen) -> Wait:
    return Wait(2.0, f"waiting for Heat: the stack {seen.stack.name} is {seen.stack.status}")
