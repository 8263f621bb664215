"""The I/O half of `local_swarm`: which steps make, resize and delete a swarm on machines of this host.

The machines' steps are those of `magnum.drivers.local.steps`; the swarm's own are in `swarm`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from magnum.coe.swarm import SwarmClient
from magnum.drivers.base import DriverContext, DriverServices, LookContext, NodeAccess, Observation, Step
from magnum.drivers.engines import engine_of
from magnum.drivers.local.host import LocalHost
from magnum.drivers.local.settings import LocalSettings
from magnum.drivers.local.steps import TAKE_DOWN_LIMIT, LocalSteps, MachinePlan
from magnum.model.health import Health
from magnum.model.ledger import CloudResource
from magnum.model.nodegroups import MASTER, WORKER
from magnum.model.nodes import Node
from magnum.nodes.cloud_init import cloud_config
from magnum.nodes.data import NodeData, NodeToken
from magnum.openstack.catalogue import load_catalogue

from .swarm import CALL_TIMEOUT, Swarm, certificate_limits

if TYPE_CHECKING:
    from magnum.conf.settings import Settings


class LocalSwarmDriver:
    def __init__(self, services: DriverServices) -> None:
        settings = cast("Settings", services.settings).local
        self._swarm = Swarm(lambda address, tls: SwarmClient(address, tls, timeout=CALL_TIMEOUT))
        self._local = LocalSteps(
            LocalHost(LocalSettings.of(settings)),
            services.node_listeners,
            load_catalogue(settings.catalogue),
            MachinePlan(limits=certificate_limits, user_data=_user_data),
        )

    def create_steps(self, context: DriverContext) -> Sequence[Step]:
        return (Step("network", self._local.network), *self._local.clearing(context), *self._growing())

    def resize_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return (
            *self._growing(),
            Step("drain", self._swarm.drain),
            Step("leave", self._swarm.leave),
            Step("take machines down", self._local.delete_nodes, TAKE_DOWN_LIMIT),
        )

    def delete_steps(self, context: DriverContext) -> Sequence[Step]:
        del context
        return self._local.delete_steps()

    def removal_order(self, context: DriverContext, nodes: Sequence[Node]) -> Sequence[Node]:
        return self._swarm.removal_order(context, nodes)

    def observe(self, context: DriverContext) -> Observation:
        return self._swarm.observe(context)

    def health(self, context: LookContext) -> Health:
        return self._swarm.health(context)

    def linger(self, context: DriverContext) -> Sequence[CloudResource]:
        return self._local.linger(context)

    def resume(self) -> None:
        self._local.resume()

    def _growing(self) -> tuple[Step, ...]:
        return (
            Step("machines", self._local.machines),
            Step("node set-up", self._local.reports),
            Step("swarm", self._swarm.init),
            Step("join", self._swarm.join),
            Step("ready", self._swarm.ready),
        )


def _user_data(context: DriverContext, node: Node, access: NodeAccess, token: str) -> str:
    template = context.template
    return cloud_config(
        NodeData(
            cluster_uuid=context.cluster.uuid,
            node_name=node.name,
            role=MASTER if node.role == MASTER else WORKER,
            coe=context.template.coe,
            address=str(node.address),
            api_url=access.url,
            api_pin=access.pin,
            credential=NodeToken(token),
            engine=engine_of(template),
        )
    )
