"""What a server is told to become a node of Kubernetes, and what it may have signed. Changes nothing."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from magnum.drivers.base import DriverContext, NodeAccess
from magnum.drivers.node_groups import group_of
from magnum.model.failures import Code, Fatal
from magnum.model.nodegroups import MASTER, WORKER, NodeGroup
from magnum.model.nodes import Node
from magnum.model.signing import NodeLimits
from magnum.nodes.data import NodeData, NodeToken
from magnum.nodes.files import NodeFile
from magnum.nodes.kubernetes.certificates import certificates_of, limits_of
from magnum.nodes.kubernetes.cluster import ClusterSecrets, KubernetesCluster, KubernetesNode
from magnum.nodes.kubernetes.files import kubernetes_files
from magnum.nodes.kubernetes.versions import Version

from .etcd import Etcd, as_member, is_new, joins, masters_of
from .infrastructure import Place, Site
from .values import ClusterValues, labels_of, read_values


class Fit(Protocol):
    def __call__(
        self, context: DriverContext, node: Node, cluster: KubernetesCluster, own: KubernetesNode
    ) -> tuple[KubernetesCluster, KubernetesNode]:
        """Add what a node finds around it alone: its own volumes, programs of its version."""
        ...


class Nodes:
    """`site` says what is around the nodes of a cluster, or raises Retry while nobody knows."""

    def __init__(self, site: Callable[[DriverContext], Site], etcd: Etcd, fit: Fit | None = None) -> None:
        self._site = site
        self._etcd = etcd
        self._fit = fit

    def version(self, context: DriverContext, node: Node) -> Version:
        """Give the version of a node: its group's, else the cluster's."""
        return self._values(context, group_of(context, node)).version

    def cluster(self, context: DriverContext) -> KubernetesCluster:
        site = self._site(context)
        masters = [node for node in masters_of(context) if not is_new(context, node)]
        if not masters:
            raise Fatal(Code.COE_REFUSED, "The cluster has no master, so there is no API to speak to.")
        api = site.api or Place(IPv4Address(str(masters[0].address)), _floating(masters[0]))
        try:
            return self._values(context).cluster(context.cluster.uuid, site, [as_member(node) for node in masters], api)
        except ValueError as error:
            raise Fatal(Code.PROVIDER_REFUSED, f"The cluster cannot be made: {error}.") from error

    def edition(self, context: DriverContext, node: Node) -> str:
        """Name the version, and all else that owners decide of a node by template and labels."""
        values = self._values(context, group_of(context, node))
        content = msgspec.json.encode(values, enc_hook=str, order="sorted")
        return f"{values.version.tag} {hashlib.sha256(content).hexdigest()[:16]}"

    def limits(self, context: DriverContext, node: Node) -> NodeLimits:
        return limits_of(certificates_of(self._cluster_of(context, node), self._node(context, node)))

    def contents(
        self, context: DriverContext, node: Node, access: NodeAccess, token: str
    ) -> tuple[NodeData, Sequence[NodeFile]]:
        """Give what the node program reads, and the files of Kubernetes."""
        cluster = self._cluster_of(context, node)
        data = NodeData(
            cluster_uuid=context.cluster.uuid,
            node_name=node.name,
            role=MASTER if node.role == MASTER else WORKER,
            coe=context.template.coe,
            address=str(node.address),
            api_url=access.url,
            api_pin=access.pin,
            credential=NodeToken(token),
            engine=cluster.engine,
        )
        if joins(context, node):
            # It compares this with what the others say, and does not start where they differ.
            cluster = msgspec.structs.replace(cluster, masters=self._etcd.described(context, node))
        own = self._node(context, node)
        if self._fit is not None:
            cluster, own = self._fit(context, node, cluster, own)
        return data, kubernetes_files(cluster, own)

    def _values(self, context: DriverContext, group: NodeGroup | None = None) -> ClusterValues:
        labels = context.cluster.labels if group is None else labels_of(context.cluster, group)
        try:
            return read_values(context.template, labels)
        except ValueError as error:
            raise Fatal(Code.PROVIDER_REFUSED, f"The cluster cannot be made: {error}.") from error

    def _cluster_of(self, context: DriverContext, node: Node) -> KubernetesCluster:
        """Give the cluster as a node is to know it: in the node's own version."""
        return msgspec.structs.replace(self.cluster(context), version=self.version(context, node))

    def _node(self, context: DriverContext, node: Node) -> KubernetesNode:
        group = group_of(context, node)
        return KubernetesNode(
            name=node.name,
            address=IPv4Address(str(node.address)),
            floating_address=_floating(node),
            nodegroup=group.name,
            role=group.role,
            secrets=_secrets(context) if node.role == MASTER else None,
            joins=joins(context, node),
        )


def _floating(node: Node) -> IPv4Address | None:
    return None if node.floating_address is None else IPv4Address(node.floating_address)


def _secrets(context: DriverContext) -> ClusterSecrets:
    return ClusterSecrets(
        context.secret("service-account-key", _new_service_account_key),
        context.secret("encryption-key", lambda: base64.b64encode(secrets.token_bytes(32)).decode()),
    )


def _new_service_account_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode("ascii")
