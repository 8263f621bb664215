"""By what a thing in the cloud is known to be of a cluster's own controllers, which write the cluster's UUID into it.

The cloud controller manager, the ingress controller of Octavia and the plug-ins for Cinder are started with the UUID as
the name of the cluster. Only what a controller writes counts: a mere mention of the UUID does not.
"""

import re
from collections.abc import Collection

from magnum.openstack.floating_addresses import FloatingAddress
from magnum.openstack.load_balancers import LoadBalancer
from magnum.openstack.volumes import Volume

CSI_CLUSTER = "cinder.csi.openstack.org/cluster"
"""Under this the CSI plug-in writes what its option `--cluster` says."""


class Marks:
    def __init__(self, cluster_uuid: str) -> None:
        self._uuid = cluster_uuid
        uuid = re.escape(cluster_uuid)
        self._balancer = re.compile(rf"Kubernetes .+ from cluster {uuid}(?![\w-])")
        self._address = re.compile(rf"Floating IP for Kubernetes .+ from cluster {uuid}")

    def are_on_balancer(self, balancer: LoadBalancer) -> bool:
        """Tell it by what a service or an ingress gets as the description."""
        return self._balancer.match(balancer.description or "") is not None

    def are_on_address(self, address: FloatingAddress, ports: Collection[str | None]) -> bool:
        """Tell it by its description; it must lead to one of these ports, or nowhere. Else somebody uses it."""
        described = self._address.fullmatch(address.description or "") is not None
        return described and (address.port_id is None or address.port_id in ports)

    def are_on_volume(self, volume: Volume) -> bool:
        """Tell it by what the CSI plug-in writes, or by the name that Kubernetes gave before there was one."""
        by_name = (volume.name or "").startswith(f"{self._uuid}-dynamic-")
        return by_name or volume.metadata.get(CSI_CLUSTER) == self._uuid
