"""Whether the group of masters may get another number of nodes: where the driver can do it, and would make so many."""

from sqlalchemy import Connection

from magnum.db import nodegroups
from magnum.drivers.base import Feature
from magnum.model.clusters import Cluster
from magnum.model.nodegroups import NodeGroup

from .drivers import check_request, made_by, require_feature
from .errors import InvalidRequest
from .new_clusters import request_of
from .service import Service


def check_masters(
    service: Service, tx: Connection, cluster: Cluster, group: NodeGroup, node_count: int, *, replacing: bool
) -> None:
    """Refuse a number of masters that cannot be; `replacing` says that some are to go by name."""
    template, spec = made_by(service, tx, cluster)
    require_feature(spec, Feature.MASTER_RESIZE)
    if node_count < 1:
        raise InvalidRequest(f"The node group {group.name} is one of masters, of which a cluster needs one at least.")
    if (node_count > 1 or replacing) and not cluster.master_lb_enabled:
        raise InvalidRequest(
            f"The cluster {cluster.uuid} was made without a load balancer (master_lb_enabled), "
            "so it keeps the one master that it has."
        )
    others = [other for other in nodegroups.of_cluster(tx, cluster.uuid) if not other.is_master]
    request = request_of(
        cluster,
        template,
        labels=cluster.labels,
        master_count=node_count,
        node_count=sum(other.node_count for other in others),
    )
    check_request(spec, request)
