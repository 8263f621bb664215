"""The steps that every driver on machines of this host shares: network, machines, their reports, and taking all down.

What runs on the machines is not decided here: `MachinePlan` is how a driver of one COE says it. Machines and networks
are found by the cluster's UUID and the node's name, which are the names of their folders in our own state directory, so
no tenant can forge a match.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import IPv4Address

import msgspec

from magnum.drivers.base import DriverContext, NodeAccess, NodeListeners, Step
from magnum.drivers.node_groups import group_of, leaving
from magnum.model.failures import Code, Failure, Fatal, Retry
from magnum.model.ledger import CloudResource, ResourceState
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import CreateCluster
from magnum.model.outcomes import Done, Outcome, Wait
from magnum.model.signing import NodeLimits
from magnum.openstack.catalogue import Catalogue

from .errors import LocalError
from .folders import Bind, MachineSpec
from .host import LocalHost
from .machines import MachineStatus
from .networks import Network

MACHINE = "machine"
NETWORK = "network"
CALL_TIMEOUT = 30.0
TAKE_DOWN_LIMIT = 300.0
"""Seconds for one run of a step that removes disks: those of many machines full of images take their time."""
DEFAULT_FLAVOR = "m1.small"
MOST_STARTS = 3
"""How often a machine is started that stops again before it has reported."""
USUAL_SECONDS = 60.0
"""A node that has not reported after so long is told of with what its console says."""
FIRST_HOST = 10
"""Addresses below this one in a cluster's subnet are ours: the bridge, and a load balancer later."""


class MachinePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a COE's driver says of a machine: what its credential may have signed, and its user data."""

    limits: Callable[[DriverContext, Node], NodeLimits]
    user_data: Callable[[DriverContext, Node, NodeAccess, str], str]
    """(context, node, how it reaches us, its token) → cloud-config."""
    binds: Callable[[DriverContext, Node], tuple[Bind, ...]] = lambda _context, _node: ()
    """What of this host it sees."""
    edition: Callable[[DriverContext, Node], str] = lambda _context, _node: ""
    """What it is made from besides its image: a text that differs when its user data would."""


class Helper(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that is no node, at one of the addresses that are kept for such."""

    name: str
    address: IPv4Address
    flavor: str
    instance_id: str
    user_data: str
    shared: Mapping[str, bytes]
    """What it does may change while it runs: it follows these files."""


class LocalSteps:
    def __init__(
        self,
        host: LocalHost,
        node_listeners: NodeListeners,
        catalogue: Catalogue,
        plan: MachinePlan,
    ) -> None:
        self._host = host
        self._node_listeners = node_listeners
        self._catalogue = catalogue
        self._plan = plan

    def delete_steps(self) -> tuple[Step, ...]:
        return (
            Step("take machines down", self._delete_all_machines, TAKE_DOWN_LIMIT),
            Step("remove network", self._delete_network),
        )

    def clearing(self, context: DriverContext) -> tuple[Step, ...]:
        """Begin a create that is tried again by taking down the machines that were lost; none was ever a member."""
        if context.operation.arguments != CreateCluster(again=True):
            return ()
        return (Step("take lost machines down", self.delete_nodes, TAKE_DOWN_LIMIT),)

    def resume(self) -> None:
        """Switch on what was on, and listen again for the nodes of every cluster."""
        self._host.start_all()
        for cluster_uuid in self._host.clusters():
            if network := self._host.find_network(cluster_uuid):
                self._node_listeners.access(cluster_uuid, str(network.gateway))

    def network(self, context: DriverContext) -> Outcome:
        """One bridge per cluster."""
        uuid = context.cluster.uuid
        resource = context.attempt(NETWORK, uuid)
        if resource.state is not ResourceState.PRESENT:
            with _told(), context.provider_call("make the cluster's network", timeout=CALL_TIMEOUT):
                network = self._host.ensure_network(uuid)
            context.confirm(resource, network.bridge)
        return Done()

    def machines(self, context: DriverContext, only: Callable[[Node], bool] = lambda _: True) -> Outcome:
        """Boot a machine for every node, of those that are meant, that has not reported yet and has none running."""
        network = self._network(context)
        running = self._running(context)
        for resource in context.resources(MACHINE):
            if resource.state is ResourceState.ATTEMPTED and resource.name in running:
                context.confirm(resource, resource.name)  # whoever started it died before he could say so
        planned = [node for node in context.changing if node.state is NodeState.PLANNED and only(node)]
        # All have their address before the first one is told of the others.
        for node in [_addressed(context, network, node) for node in planned if node.name not in running]:
            self._start(context, network, node)
        return Done()

    def addressed(self, context: DriverContext, node: Node) -> Node:
        """Give the node with its address, which it has from now on."""
        return _addressed(context, self._network(context), node)

    def ensure_helper(self, context: DriverContext, helper: Helper) -> None:
        """See that a machine runs which is no node of the cluster, and that it has the files that it is to see."""
        uuid, name = context.cluster.uuid, helper.name
        resource = context.attempt(MACHINE, name)
        size = self._catalogue.flavor(helper.flavor)
        if name not in self._running(context):
            spec = MachineSpec(
                cluster_uuid=uuid,
                name=name,
                address=helper.address,
                instance_id=helper.instance_id,
                memory_mib=size.memory_mib,
                vcpus=size.vcpus,
                user_data=helper.user_data,
                image=self._catalogue.image(str(context.template.image_id)).name,
                shared=helper.shared,
            )
            with _told(), context.provider_call(f"start machine {name}", timeout=CALL_TIMEOUT):
                self._host.start_machine(spec)
        if resource.state is not ResourceState.PRESENT:
            context.confirm(resource, name)
        if self._host.shared(uuid, name) != helper.shared:
            with _told(), context.provider_call(f"change what {name} does", timeout=CALL_TIMEOUT):
                self._host.share(uuid, name, helper.shared)

    def reports(self, context: DriverContext) -> Outcome:
        """Wait until every node has said how its set-up went; the first that failed fails the operation."""
        awaited = [node for node in context.changing if node.state is NodeState.PLANNED]
        for node in context.changing:
            if node.state is NodeState.FAILED:
                raise Fatal(Code.NODE_STEP, f"{node.name}: step {node.failed_step} failed: {node.report}")
        if not awaited:
            return Done()
        machines = {machine.name: machine for machine in self._host.machines(context.cluster.uuid)}
        for node in awaited:
            if (machine := machines.get(node.name)) is None or not machine.running:
                raise self.revived(context, node, machine)
        patient = context.operation.seconds_in_step(context.clock.now()) < USUAL_SECONDS
        told = [node.name if patient else _with_console(machines[node.name]) for node in awaited]
        return Wait(0.2, f"waiting for the report of {', '.join(told)}")

    def revived(self, context: DriverContext, node: Node, machine: MachineStatus | None) -> Failure:
        """Start a machine again that stopped before it reported, unless it does nothing but stop."""
        if machine is not None and machine.starts >= MOST_STARTS:
            return Fatal(
                Code.NODE_DEAD,
                f"{node.name} was started {machine.starts} times and stopped each time before it reported; "
                f"{machine.reason}. Give it another image or flavor, or mend what it complains of, then retry.",
            )
        self._start(context, self._network(context), node)
        why = "it was gone" if machine is None else machine.reason
        return Retry(Code.NODE_DEAD, f"{node.name} stopped before it reported, and was started again: {why}")

    def machines_of(self, context: DriverContext) -> dict[str, MachineStatus]:
        return {machine.name: machine for machine in self._host.machines(context.cluster.uuid)}

    def edition(self, context: DriverContext, node: Node) -> str:
        """Say what the machine of a node is to be made from; one that was made from something else is outdated."""
        return f"{self._plan.edition(context, node)} {self._image(context, node)}"

    def rebuilt_as(self, context: DriverContext, node: Node) -> str:
        """Give the instance that an operation makes of a node when it makes it anew, once."""
        return f"{node.uuid}/{context.operation.uuid}"

    def rebuild(self, context: DriverContext, node: Node) -> None:
        """Make the machine of a node anew, at its address and with the volumes that stay. It reports like a new one."""
        network = self._network(context)
        node = _addressed(context, network, node)
        resource = context.attempt(MACHINE, node.name)
        spec = self._spec(context, network, node, instance_id=self.rebuilt_as(context, node))
        new = msgspec.structs.replace(node, state=NodeState.PLANNED, failed_step=None, report=None, reported_at=None)
        with _told(), context.provider_call(f"rebuild machine {node.name}", timeout=CALL_TIMEOUT):
            context.save_node(new)  # only now: whoever may only look gets no further than here
            self._host.rebuild_machine(spec)
        context.confirm(resource, node.name)

    def take_down(self, context: DriverContext) -> Outcome:
        """Take down the machines of nodes that are to go; the nodes themselves stay known."""
        names = {node.name for node in leaving(context)}
        self._delete_machines(context, [row for row in context.resources(MACHINE) if row.name in names])
        return Done()

    def delete_nodes(self, context: DriverContext) -> Outcome:
        """Take down the machines of nodes that are to go, and forget those nodes."""
        self.take_down(context)
        for node in leaving(context):
            context.remove_node(node)
        return Done()

    def _delete_all_machines(self, context: DriverContext) -> Outcome:
        self._delete_machines(context, context.resources(MACHINE))
        return Done()

    def _delete_network(self, context: DriverContext) -> Outcome:
        for resource in _standing(context.resources(NETWORK)):
            with _told(), context.provider_call("remove the cluster's network", timeout=CALL_TIMEOUT):
                self._node_listeners.close(resource.name)
                self._host.delete_network(resource.name)
            context.gone(resource)
        return Done()

    def linger(self, context: DriverContext) -> Sequence[CloudResource]:
        """Look for every name that was ever attempted, tombstones included."""
        machines = {machine.name for machine in self._host.machines(context.cluster.uuid)}
        network = self._host.find_network(context.cluster.uuid)
        return [
            resource
            for resource in context.resources()
            if (resource.kind == MACHINE and resource.name in machines)
            or (resource.kind == NETWORK and network is not None)
        ]

    def _running(self, context: DriverContext) -> set[str]:
        return {machine.name for machine in self._host.machines(context.cluster.uuid) if machine.running}

    def _network(self, context: DriverContext) -> Network:
        network = self._host.find_network(context.cluster.uuid)
        if network is None:
            raise Retry(Code.PROVIDER_REFUSED, "The cluster's network is gone; it is looked for again.")
        return network

    def _start(self, context: DriverContext, network: Network, node: Node) -> None:
        node = _addressed(context, network, node)
        resource = context.attempt(MACHINE, node.name)
        spec = self._spec(context, network, node, instance_id=node.uuid)
        with _told(), context.provider_call(f"start machine {node.name}", timeout=CALL_TIMEOUT):
            self._host.start_machine(spec)
        context.confirm(resource, node.name)

    def _spec(self, context: DriverContext, network: Network, node: Node, *, instance_id: str) -> MachineSpec:
        access = self._node_listeners.access(context.cluster.uuid, str(network.gateway))
        token = context.new_node_token(node, self._plan.limits(context, node))
        group = group_of(context, node)
        flavor = self._catalogue.flavor(group.flavor_id or DEFAULT_FLAVOR)
        return MachineSpec(
            cluster_uuid=context.cluster.uuid,
            name=node.name,
            address=IPv4Address(str(node.address)),
            instance_id=instance_id,
            memory_mib=flavor.memory_mib,
            vcpus=flavor.vcpus,
            user_data=self._plan.user_data(context, node, access, token),
            image=self._image(context, node),
            binds=self._plan.binds(context, node),
            edition=self.edition(context, node),
        )

    def _image(self, context: DriverContext, node: Node) -> str:
        """Give the name of what the disk of a node is made from."""
        return self._catalogue.image(group_of(context, node).image_id or str(context.template.image_id)).name

    def _delete_machines(self, context: DriverContext, resources: Sequence[CloudResource]) -> None:
        """All at once: each spends its time waiting for the kernel, and the owner waits for all of them."""
        standing = _standing(resources)
        if not standing:
            return
        names = [resource.name for resource in standing]
        with (
            _told(),
            context.provider_call(f"take down {', '.join(names)}", timeout=CALL_TIMEOUT),
            ThreadPoolExecutor(max_workers=8) as pool,
        ):
            list(pool.map(lambda name: self._host.delete_machine(context.cluster.uuid, name), names))
        for resource in standing:
            context.gone(resource)


def _with_console(machine: MachineStatus) -> str:
    return f"{machine.name} (its console ends with: {machine.said.splitlines()[-1]})"


def _standing(resources: Sequence[CloudResource]) -> list[CloudResource]:
    return [resource for resource in resources if resource.state is not ResourceState.GONE]


def _addressed(context: DriverContext, network: Network, node: Node) -> Node:
    if node.address is None:
        node = msgspec.structs.replace(node, address=_free_address(network, context.nodes))
        context.save_node(node)
    return node


def _free_address(network: Network, nodes: Sequence[Node]) -> str:
    """Give the lowest address that no node of the cluster has."""
    taken = {node.address for node in nodes}
    for number, address in enumerate(network.subnet.hosts(), start=1):
        if number >= FIRST_HOST and str(address) not in taken:
            return str(address)
    raise Fatal(Code.CAPACITY, f"The cluster's network {network.subnet} has no free address for another machine.")


@contextmanager
def _told() -> Iterator[None]:
    """What this host could not do now, it may do later; its own words say what is wrong."""
    try:
        yield
    except LocalError as error:
        raise Retry(Code.PROVIDER_REFUSED, str(error)) from error
