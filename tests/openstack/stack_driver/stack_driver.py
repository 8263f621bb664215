"""The half of the driver for tests that does the work: two stages of a stack, as in the real ones."""

import os
import time
from collections.abc import Sequence

import msgspec
from stack_spec import SPEC

from magnum.drivers.base import DriverContext, DriverServices, Observation, Step
from magnum.drivers.heat import leftovers, stacks
from magnum.drivers.heat.desired import MASTER, WORKER, Desired, Group, Machine, UserData
from magnum.drivers.heat.leftovers import Leftovers
from magnum.drivers.heat.mappings import evaluate
from magnum.drivers.heat.names import stack_name
from magnum.drivers.heat.parameters import CLUSTER, Facts
from magnum.drivers.heat.stacks import Stacks
from magnum.drivers.heat.watch import StackWatch
from magnum.model.ledger import CloudResource
from magnum.model.nodes import Node, NodeState
from magnum.model.outcomes import Done, Outcome

INTERVAL = float(os.environ["STACK_INTERVAL"])
# Whoever takes over from a conductor that is killed waits for so long: not minutes, in tests.
stacks.CALL_LIMIT = leftovers.LONGEST_CALL = SPEC.longest_call


class StackDriver:
    def __init__(self, services: DriverServices) -> None:
        assert services.clouds is not None
        self._stacks = Stacks(services.clouds, StackWatch(monotonic=time.monotonic, interval=INTERVAL))
        self._leftovers = Leftovers(services.clouds, patience=10)

    def create_steps(self, _context: DriverContext) -> Sequence[Step]:
        return (
            Step("places", lambda context: self._converge(context, running=()), 300.0),
            Step("servers", self._servers, 300.0),
        )

    resize_steps = create_steps

    def delete_steps(self, _context: DriverContext) -> Sequence[Step]:
        ours = Step("stacks", self._stacks.delete, 300.0)
        return (*self._leftovers.before_stacks(), ours, *self._leftovers.after_stacks())

    def removal_order(self, _context: DriverContext, nodes: Sequence[Node]) -> Sequence[Node]:
        return sorted(nodes, key=lambda node: -node.number)

    def observe(self, context: DriverContext) -> Observation:
        return Observation(nodes_seen=len(context.nodes))

    def linger(self, context: DriverContext) -> Sequence[CloudResource]:
        return self._stacks.linger(context)

    def resume(self) -> None:
        """Nothing of it is on this host."""

    def _servers(self, context: DriverContext) -> Outcome:
        outcome = self._converge(context, running=context.nodes)
        if outcome != Done():
            return outcome
        for node in context.nodes:
            if node.state is NodeState.PLANNED:
                context.save_node(msgspec.structs.replace(node, state=NodeState.JOINED))
        context.update_cluster(api_address="https://192.0.2.1:6443")
        return Done()

    def _converge(self, context: DriverContext, *, running: Sequence[Node]) -> Outcome:
        return self._stacks.converge(context, _desired(context, running), lambda: _user_data(running))


def _desired(context: DriverContext, running: Sequence[Node]) -> Desired:
    cluster = context.cluster
    timeout = int(cluster.labels.get("wait_condition_timeout", "600"))
    facts = Facts(external_network="public", network_name=cluster.name or "", wait_condition_timeout=timeout)
    masters, workers = (
        Group(
            places={node.number: node.name for node in context.nodes if node.role == role},
            servers={node.number: _machine(context, node) for node in running if node.role == role},
        )
        for role in (MASTER, WORKER)
    )
    return Desired(
        name=stack_name(cluster.name, cluster.uuid),
        cluster_uuid=cluster.uuid,
        operation=context.operation.uuid,
        parameters=evaluate(CLUSTER, facts),
        masters=masters,
        workers=workers,
        timeout_minutes=10,
    )


def _machine(context: DriverContext, node: Node) -> Machine:
    [group] = [group for group in context.nodegroups if group.uuid == node.nodegroup_uuid]
    return Machine(node.name, group.image_id or "", group.flavor_id or "m1.tiny", instance=node.uuid)


def _user_data(running: Sequence[Node]) -> dict[str, UserData]:
    return {
        role: UserData(
            head="#cloud-config\n", own={node.number: f"# {node.name}\n" for node in running}, signal="# $URL\n"
        )
        for role in (MASTER, WORKER)
    }
