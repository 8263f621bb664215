"""Machines of this host as what a cluster of Kubernetes runs on; the machines' steps are those of `local.steps`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from magnum.drivers.base import DriverContext, NodeAccess, NodeListeners, Step
from magnum.drivers.kubernetes.etcd import as_member
from magnum.drivers.kubernetes.infrastructure import Place, Server, Site
from magnum.drivers.kubernetes.nodes import Nodes
from magnum.drivers.local.host import LocalHost
from magnum.drivers.local.networks import Network
from magnum.drivers.local.steps import LocalSteps, MachinePlan
from magnum.model.failures import Code, Failure, Retry
from magnum.model.ledger import CloudResource
from magnum.model.nodes import Node, NodeState
from magnum.model.outcomes import Done, Outcome
from magnum.nodes.cloud_init import cloud_config
from magnum.nodes.kubernetes.files import CLOSED_FOLDERS
from magnum.openstack.catalogue import Catalogue

from .load_balancer import LoadBalancer, has_load_balancer
from .machines import MachinePrograms

LOAD_BALANCER = 2
"""Which of the network's addresses is the load balancer's."""


class Networks(Protocol):
    """As much of `LocalHost` as a site is known by."""

    def find_network(self, cluster_uuid: str) -> Network | None: ...


class LocalSite:
    """What is around machines of this host: asked with a context, it tells."""

    def __init__(self, host: Networks, *, watches_images: bool) -> None:
        self._host = host
        self._watches_images = watches_images

    def __call__(self, context: DriverContext) -> Site:
        network = self._host.find_network(context.cluster.uuid)
        if network is None:
            raise Retry(Code.PROVIDER_REFUSED, "The cluster's network is gone; it is looked for again.")
        return Site(
            network=network.subnet,
            api=Place(network.subnet[LOAD_BALANCER]) if has_load_balancer(context) else None,
            watches_images=self._watches_images,
        )


class LocalInfrastructure:
    def __init__(
        self,
        host: LocalHost,
        node_listeners: NodeListeners,
        catalogue: Catalogue,
        nodes: Nodes,
        programs: MachinePrograms,
    ) -> None:
        def user_data(context: DriverContext, node: Node, access: NodeAccess, token: str) -> str:
            data, files = nodes.contents(context, node, access, token)
            return cloud_config(data, files, closed_folders=CLOSED_FOLDERS)

        plan = MachinePlan(limits=nodes.limits, user_data=user_data, binds=programs.binds, edition=nodes.edition)
        self._local = LocalSteps(host, node_listeners, catalogue, plan)
        self._load_balancer = LoadBalancer(nodes.cluster, self._local)
        self._programs = programs

    def prepare(self, context: DriverContext) -> Outcome:
        return self._programs.fetch(context)

    def network(self, context: DriverContext) -> Outcome:
        return self._local.network(context)

    def places(self, context: DriverContext) -> Outcome:
        for node in context.changing:
            if node.state is NodeState.PLANNED:
                self._local.addressed(context, node)
        return Done()

    def start(self, context: DriverContext, only: Callable[[Node], bool]) -> Outcome:
        return self._local.machines(context, only)

    def reports(self, context: DriverContext) -> Outcome:
        return self._local.reports(context)

    def balance(self, context: DriverContext, masters: Sequence[Node]) -> Outcome:
        self._load_balancer.ensure(context, [as_member(node) for node in masters])
        return Done()

    def edition(self, context: DriverContext, node: Node) -> str:
        return self._local.edition(context, node)

    def servers(self, context: DriverContext) -> Mapping[str, Server]:
        return {
            name: Server(running=machine.running, edition=machine.edition, instance=machine.instance_id)
            for name, machine in self._local.machines_of(context).items()
        }

    def rebuilt_as(self, context: DriverContext, node: Node) -> str:
        return self._local.rebuilt_as(context, node)

    def rebuild(self, context: DriverContext, node: Node) -> Outcome:
        self._local.rebuild(context, node)
        return Done()

    def revived(self, context: DriverContext, node: Node) -> Failure:
        return self._local.revived(context, node, self._local.machines_of(context).get(node.name))

    def cut_off(self, context: DriverContext) -> Outcome:
        return self._local.take_down(context)

    def remove(self, context: DriverContext) -> Outcome:
        return self._local.delete_nodes(context)

    def delete_steps(self) -> Sequence[Step]:
        return self._local.delete_steps()

    def linger(self, context: DriverContext) -> Sequence[CloudResource]:
        return self._local.linger(context)

    def resume(self) -> None:
        self._local.resume()
