"""What a machine is made with to become a node of Kubernetes: its files, its programs, and what it may have signed."""

import base64
import hashlib
import platform
import secrets
from ipaddress import IPv4Address
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from magnum.drivers.base import DriverContext, NodeAccess
from magnum.drivers.local import rootfs
from magnum.drivers.local.errors import LocalError
from magnum.drivers.local.host import Bind, LocalHost
from magnum.drivers.local.steps import MachinePlan, group_of
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.nodegroups import MASTER, WORKER, NodeGroup
from magnum.model.nodes import Node
from magnum.model.outcomes import Done, Outcome
from magnum.model.signing import NodeLimits
from magnum.nodes.cloud_init import cloud_config
from magnum.nodes.data import NodeData, NodeToken
from magnum.nodes.kubernetes import paths
from magnum.nodes.kubernetes.certificates import certificates_of, limits_of
from magnum.nodes.kubernetes.cluster import ClusterSecrets, KubernetesCluster, KubernetesNode
from magnum.nodes.kubernetes.files import CLOSED_FOLDERS, kubernetes_files
from magnum.nodes.kubernetes.versions import Version

from . import pause_image
from .download import DownloadError
from .etcd import Etcd, as_member, is_new, joins, masters_of
from .programs import ProgramsSource
from .values import ClusterValues, labels_of, read_values

DOWNLOAD_LIMIT = 1800.0
LOAD_BALANCER = 2
"""Which of the network's addresses is the load balancer's."""
KERNEL_LOG = Path("/dev/kmsg")


class KubernetesMachines:
    """The part of machines that is Kubernetes' own."""

    def __init__(self, host: LocalHost, programs: ProgramsSource, etcd: Etcd, images_dir: Path | None = None) -> None:
        self._host = host
        self._programs = programs
        self._etcd = etcd
        self._images_dir = images_dir

    def plan(self) -> MachinePlan:
        return MachinePlan(limits=self._limits, user_data=self._user_data, binds=self._binds, edition=self._edition)

    def programs(self, context: DriverContext) -> Outcome:
        """See that there are programs of every version that is asked for, before any machine is made."""
        for tag in sorted({self.version(context, node).tag for node in context.changing}):
            self._fetch(context, tag)
        return Done()

    def _fetch(self, context: DriverContext, tag: str) -> None:
        if self._find(tag) is None:
            context.event(f"The programs of Kubernetes {tag} are downloaded to this host.")
            try:
                self._programs.fetch(tag, lambda _text: None)
            except DownloadError as error:
                raise Fatal(
                    Code.PROVIDER_REFUSED,
                    f"This host has no programs of Kubernetes {tag}: {error}. Put them into [kubernetes] binaries_dir, "
                    "choose another version by the label kube_tag, or make Debian's own by "
                    "'python -m magnum.drivers.local_kubernetes.programs'.",
                ) from error

    def _find(self, tag: str) -> Path | None:
        try:
            return self._programs.find(tag)
        except LocalError as error:
            raise Fatal(
                Code.PROVIDER_REFUSED,
                f"The programs of Kubernetes {tag} in [kubernetes] binaries_dir cannot be used: {error}. Mend or "
                "remove them, then retry.",
            ) from error

    def version(self, context: DriverContext, node: Node) -> Version:
        """Give the version of a node: its group's, else the cluster's."""
        return self._values(context, group_of(context, node)).version

    def cluster(self, context: DriverContext) -> KubernetesCluster:
        network = self._host.find_network(context.cluster.uuid)
        if network is None:
            raise Retry(Code.PROVIDER_REFUSED, "The cluster's network is gone; it is looked for again.")
        members = [as_member(node) for node in masters_of(context) if not is_new(context, node)]
        if not members:
            raise Fatal(Code.COE_REFUSED, "The cluster has no master, so there is no API to speak to.")
        try:
            api = network.subnet[LOAD_BALANCER] if has_load_balancer(context) else members[0].address
            cluster = self._values(context).cluster(context.cluster.uuid, network.subnet, members, api)
        except ValueError as error:
            raise Fatal(Code.PROVIDER_REFUSED, f"The cluster cannot be made: {error}.") from error
        return msgspec.structs.replace(cluster, watches_images=self._images_dir is not None)

    def _values(self, context: DriverContext, group: NodeGroup | None = None) -> ClusterValues:
        labels = context.cluster.labels if group is None else labels_of(context.cluster, group)
        try:
            return read_values(context.template, labels)
        except ValueError as error:
            raise Fatal(Code.PROVIDER_REFUSED, f"The cluster cannot be made: {error}.") from error

    def _edition(self, context: DriverContext, node: Node) -> str:
        """Name the version, and all else that owners decide of a node by template and labels."""
        values = self._values(context, group_of(context, node))
        content = msgspec.json.encode(values, enc_hook=str, order="sorted")
        return f"{values.version.tag} {hashlib.sha256(content).hexdigest()[:16]}"

    def _cluster_of(self, context: DriverContext, node: Node) -> KubernetesCluster:
        """Give the cluster as a node is to know it: in the node's own version."""
        return msgspec.structs.replace(self.cluster(context), version=self.version(context, node))

    def _node(self, context: DriverContext, node: Node) -> KubernetesNode:
        group = group_of(context, node)
        return KubernetesNode(
            name=node.name,
            address=IPv4Address(str(node.address)),
            nodegroup=group.name,
            role=group.role,
            secrets=_secrets(context) if node.role == MASTER else None,
            joins=joins(context, node),
        )

    def _limits(self, context: DriverContext, node: Node) -> NodeLimits:
        return limits_of(certificates_of(self._cluster_of(context, node), self._node(context, node)))

    def _user_data(self, context: DriverContext, node: Node, access: NodeAccess, token: str) -> str:
        data = NodeData(
            cluster_uuid=context.cluster.uuid,
            node_name=node.name,
            role=MASTER if node.role == MASTER else WORKER,
            coe=context.template.coe,
            address=str(node.address),
            api_url=access.url,
            api_pin=access.pin,
            credential=NodeToken(token),
        )
        cluster = self._cluster_of(context, node)
        if joins(context, node):
            # It compares this with what the others say, and does not start where they differ.
            cluster = msgspec.structs.replace(cluster, masters=self._etcd.described(context, node))
        files = kubernetes_files(cluster, self._node(context, node))
        return cloud_config(data, files, closed_folders=CLOSED_FOLDERS)

    def _binds(self, context: DriverContext, node: Node) -> tuple[Bind, ...]:
        tag = self.version(context, node).tag
        programs = self._find(tag)
        if programs is None:
            raise Retry(Code.PROVIDER_REFUSED, f"The programs of Kubernetes {tag} are gone from this host.")
        cache = self._programs.cache_dir
        image = rootfs.find("debian-12", cache)
        return (
            *self._own_images(),
            Bind(programs, Path(paths.PROGRAMS)),
            Bind(pause_image.ensure(cache, image, platform.machine()), Path(paths.IMAGES)),
            # A kubelet does not start without; it reads there of processes that were killed for want of memory.
            Bind(KERNEL_LOG, KERNEL_LOG),
        )

    def _own_images(self) -> tuple[Bind, ...]:
        if self._images_dir is None:
            return ()
        if not self._images_dir.is_dir():
            raise Fatal(
                Code.PROVIDER_REFUSED,
                f"[kubernetes] images_dir is {self._images_dir}, which is no folder of this host. Make it, or change "
                "the option, then retry.",
            )
        return (Bind(self._images_dir, Path(paths.OWN_IMAGES)),)


def has_load_balancer(context: DriverContext) -> bool:
    """Several masters always have one; the API sees to that."""
    return bool(context.cluster.master_lb_enabled)


def _secrets(context: DriverContext) -> ClusterSecrets:
    return ClusterSecrets(
        context.secret("service-account-key", _new_service_account_key),
        context.secret("encryption-key", lambda: base64.b64encode(secrets.token_bytes(32)).decode()),
    )


def _new_service_account_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode("ascii")
