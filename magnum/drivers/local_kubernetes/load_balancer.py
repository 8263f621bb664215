"""The load balancer of a cluster that has one: a machine of its own here, what Octavia gives on a cloud.

All that the rest of the driver knows of it is `ensure`.
"""

import uuid
from collections.abc import Callable, Sequence

from magnum.drivers.base import DriverContext
from magnum.drivers.local.folders import SHARED
from magnum.drivers.local.steps import Helper, LocalSteps
from magnum.model.names import node_name
from magnum.nodes.kubernetes.cluster import KubernetesCluster, Member
from magnum.nodes.kubernetes.load_balancer import CONFIGURATION, configuration, user_data

GROUP = "api"
FLAVOR = "m1.tiny"


class LoadBalancer:
    def __init__(self, describe: Callable[[DriverContext], KubernetesCluster], local: LocalSteps) -> None:
        self._describe = describe
        self._local = local

    def ensure(self, context: DriverContext, members: Sequence[Member]) -> None:
        """See that there is one where there should be, and that it passes connections on to these masters.

        It is no node: nobody waits for its report, and it goes with the last of the machines.
        """
        if not has_load_balancer(context):
            return
        cluster = self._describe(context)
        helper = Helper(
            name=node_name(context.cluster.name, context.cluster.uuid, GROUP, 1),
            address=cluster.api,
            flavor=FLAVOR,
            instance_id=str(uuid.uuid5(uuid.UUID(context.cluster.uuid), GROUP)),
            user_data=user_data(SHARED),
            shared={CONFIGURATION: configuration(cluster, members)},
        )
        self._local.ensure_helper(context, helper)


def has_load_balancer(context: DriverContext) -> bool:
    """Several masters always have one; the API sees to that."""
    return bool(context.cluster.master_lb_enabled)
