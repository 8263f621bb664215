"""What servers of a cloud find around them: images, flavors, a network that exists, programs, and the way to us."""

import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from magnum.addons.rendering import PREFIX_LABEL
from magnum.conf.settings import Settings
from magnum.drivers.base import DriverContext
from magnum.drivers.heat.stacks import told
from magnum.drivers.node_groups import group_of
from magnum.drivers.releases import ReleaseError, Releases
from magnum.drivers.services import NodeAccess
from magnum.model.failures import Code, Fatal
from magnum.model.nodegroups import MASTER
from magnum.model.nodes import Node
from magnum.nodes.data import NodeData
from magnum.nodes.kubernetes.cluster import KubernetesCluster, KubernetesNode, Volume
from magnum.nodes.kubernetes.releases import Release
from magnum.openstack.clouds import Clouds
from magnum.openstack.neutron import find_subnet

from .node_stacks import group_in, stacks_of
from .sight import Remembered, Sight
from .system import System

DEFAULT_FLAVOR = "m1.small"


class Surroundings:
    def __init__(self, settings: Settings, clouds: Clouds, sight: Sight, system: System) -> None:
        self._clouds = clouds
        self._sight = sight
        self._system = system
        self._releases = Releases(settings.kubernetes.release_url)
        self._verify = settings.drivers.verify_ca
        self._ca_file = settings.drivers.openstack_ca_file
        self._cidrs: Remembered[str] = Remembered()
        self._address: str | None = None
        self._lock = threading.Lock()

    def image(self, context: DriverContext, node: Node) -> str:
        return group_of(context, node).image_id or str(context.template.image_id)

    def flavor(self, context: DriverContext, node: Node) -> str:
        row, template = context.cluster, context.template
        if node.role == MASTER:
            chosen = row.master_flavor_id or template.master_flavor_id
        else:
            chosen = row.flavor_id or template.flavor_id
        return group_of(context, node).flavor_id or chosen or DEFAULT_FLAVOR

    def check(self, tag: str) -> None:
        """See that programs of this version are there to be fetched, where servers fetch any."""
        if self._system.images is None:
            self.release(tag)

    def release(self, tag: str) -> Release:
        try:
            return self._releases.read(tag)
        except ReleaseError as error:
            text = f"Servers cannot get the programs of Kubernetes {tag}: {error}. Choose another version by the label "
            raise Fatal(Code.PROVIDER_REFUSED, f"{text}kube_tag, or have that mended, then retry.") from error

    def subnet_cidr(self, context: DriverContext) -> str | None:
        """Give the addresses of the subnet that the cluster is to be in, if that exists. It never changes them."""
        wanted = context.cluster.fixed_subnet
        if not wanted:
            return None
        key = f"{context.cluster.project_id}/{wanted}"
        cidr = self._cidrs.get(key)
        if cidr is None:
            with told():
                subnet = find_subnet(self._clouds.trusted(str(context.cluster.trust_id)).neutron(), wanted)
            cidr = subnet.cidr
            self._cidrs.put(key, cidr)
        return cidr

    def access(self) -> NodeAccess:
        """Say how nodes reach us: where the catalogue tells everybody to."""
        with self._lock, told():
            if self._address is None:
                self._address = self._clouds.own().magnum().address.rstrip("/")
            return NodeAccess(url=self._address if self._address.endswith("/v1") else f"{self._address}/v1")

    def finish(self, data: NodeData) -> NodeData:
        """Add what every server of the cloud is told."""
        authority = None if self._ca_file is None else _read(self._ca_file)
        return msgspec.structs.replace(data, platform=self._system.platform, api_ca=authority, verify_api=self._verify)

    def fit(
        self, context: DriverContext, node: Node, cluster: KubernetesCluster, own: KubernetesNode
    ) -> tuple[KubernetesCluster, KubernetesNode]:
        labels, images = context.cluster.labels, self._system.images
        cluster = msgspec.structs.replace(
            cluster,
            pause_image=cluster.version.pause_image(labels.get(PREFIX_LABEL) or None),
            release=self.release(cluster.version.tag) if images is None else None,
            images=None if images is None else images(labels),
        )
        return cluster, msgspec.structs.replace(own, volumes=tuple(self._volumes(context, node)))

    def _volumes(self, context: DriverContext, node: Node) -> Sequence[Volume]:
        for stack in stacks_of(context):
            for role, group in stack.groups.items():
                seen = self._sight.seen(context, stack.name) if group.uuid == node.nodegroup_uuid else None
                place = None if seen is None else group_in(seen, role).places.get(node.number)
                if place is not None:
                    etcd, containers = place.etcd_volume, place.docker_volume
                    return [
                        *([Volume(etcd, "/var/lib/etcd")] if etcd else []),
                        *([Volume(containers, "/var/lib/containerd")] if containers else []),
                    ]
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, ValueError) as error:
        text = f"[drivers] openstack_ca_file cannot be read: {error}. Mend it, then retry."
        raise Fatal(Code.PROVIDER_REFUSED, text) from error
