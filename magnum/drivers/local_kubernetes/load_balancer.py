"""The step that starts the load balancer's machine, where a cluster has one."""

import uuid

from magnum.drivers.base import DriverContext
from magnum.drivers.local.steps import LocalSteps
from magnum.model.names import node_name
from magnum.model.outcomes import Done, Outcome
from magnum.nodes.kubernetes.load_balancer import user_data

from .machines import KubernetesMachines, has_load_balancer

GROUP = "api"
FLAVOR = "m1.tiny"


class LoadBalancer:
    def __init__(self, machines: KubernetesMachines, local: LocalSteps) -> None:
        self._machines = machines
        self._local = local

    def start(self, context: DriverContext) -> Outcome:
        """It is no node: nobody waits for its report, and it goes with the last of the machines."""
        if has_load_balancer(context):
            cluster = self._machines.cluster(context)
            self._local.start_helper(
                context,
                name=node_name(context.cluster.name, context.cluster.uuid, GROUP, 1),
                address=cluster.api,
                flavor=FLAVOR,
                user_data=user_data(cluster),
                instance_id=str(uuid.uuid5(uuid.UUID(context.cluster.uuid), GROUP)),
            )
        return Done()
