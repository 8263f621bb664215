"""Which certificates a node of Kubernetes has, and thereby the whole of what its credential may have signed.

A worker's are its own identity as a node and that of its proxy. A master's are what its programs prove to each other.
Nobody's is an administrator's: `system:masters` is for owners and for the conductor.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address

import msgspec

from magnum.model.signing import CaType, NodeLimits

from .cluster import KubernetesCluster, KubernetesNode

SERVER = "serverAuth"
CLIENT = "clientAuth"
_LOOPBACK = IPv4Address("127.0.0.1")
CA_FILES = {CaType.KUBERNETES: "ca", CaType.ETCD: "etcd-ca", CaType.FRONT_PROXY: "front-proxy-ca"}
_ALL = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
_READERS: dict[str, tuple[str, ...]] = {
    "ca": _ALL,
    "etcd-ca": ("etcd", "kube-apiserver"),
    "front-proxy-ca": ("kube-apiserver",),
    "etcd": (),  # which reads it anew for each connection
    "apiserver": ("kube-apiserver",),
    "apiserver-kubelet": ("kube-apiserver",),
    "apiserver-etcd": ("kube-apiserver",),
    "front-proxy": ("kube-apiserver",),
    "controller-manager": ("kube-controller-manager",),
    "scheduler": ("kube-scheduler",),
    "kubelet": ("kubelet",),
    "kube-proxy": ("kube-proxy",),
}
"""Which units read a certificate, or an authority's, when they start and not again: those that a change restarts."""
_ON_WORKERS = frozenset({"kubelet", "kube-proxy"})
API_TO_KUBELET = "kube-apiserver-kubelet-client"
"""Whom a kubelet knows the API server by. What it may do there is a role that the conductor binds it to."""


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is that of its files."""

    name: str
    common_name: str
    organization: str | None = None
    usages: tuple[str, ...] = (CLIENT,)
    ca: CaType = CaType.KUBERNETES
    dns_names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def limits(self) -> NodeLimits:
        return NodeLimits(
            common_name=self.common_name,
            organizations=(self.organization,) if self.organization else (),
            dns_names=self.dns_names,
            ip_addresses=self.addresses,
            extended_key_usages=self.usages,
            ca_types=(self.ca,),
        )

    def line(self) -> str:
        """As the node program reads it: name, CA, subject, usages and alternative names, with bars between them."""
        organization = f"/O={self.organization}" if self.organization else ""
        names = [*(f"DNS:{name}" for name in self.dns_names), *(f"IP:{address}" for address in self.addresses)]
        parts = (self.name, self.ca, f"{organization}/CN={self.common_name}", ", ".join(self.usages), ", ".join(names))
        return "|".join(parts)


def certificates_of(cluster: KubernetesCluster, node: KubernetesNode) -> tuple[Certificate, ...]:
    own = (
        Certificate(
            name="kubelet",
            common_name=f"system:node:{node.name}",
            organization="system:nodes",
            usages=(CLIENT, SERVER),
            dns_names=(node.name,),
            addresses=(str(node.address),),
        ),
        Certificate(name="kube-proxy", common_name="system:kube-proxy"),
    )
    return (*own, *_of_master(cluster, node)) if node.is_master else own


def _of_master(cluster: KubernetesCluster, node: KubernetesNode) -> tuple[Certificate, ...]:
    service = "kubernetes.default.svc"
    own = (node.address, *((node.floating_address,) if node.floating_address else ()))
    answers_as = (*own, cluster.api, *cluster.api_names, _LOOPBACK, cluster.service_address)
    return (
        Certificate(
            name="apiserver",
            common_name="kube-apiserver",
            usages=(SERVER,),
            dns_names=(
                "kubernetes",
                "kubernetes.default",
                service,
                f"{service}.{cluster.domain}",
                "localhost",
                node.name,
            ),
            addresses=_written(answers_as),
        ),
        Certificate(name="apiserver-kubelet", common_name=API_TO_KUBELET),
        Certificate(name="controller-manager", common_name="system:kube-controller-manager"),
        Certificate(name="scheduler", common_name="system:kube-scheduler"),
        Certificate(
            name="etcd",
            ca=CaType.ETCD,
            common_name=node.name,
            usages=(SERVER, CLIENT),
            dns_names=(node.name, "localhost"),
            addresses=_written((*own, _LOOPBACK)),
        ),
        Certificate(name="apiserver-etcd", ca=CaType.ETCD, common_name="kube-apiserver-etcd-client"),
        Certificate(name="front-proxy", ca=CaType.FRONT_PROXY, common_name="front-proxy-client"),
    )


def _written(addresses: Sequence[IPv4Address]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, addresses)))


def readers_of(certificates: Sequence[Certificate], node: KubernetesNode) -> dict[str, tuple[str, ...]]:
    """Give the units of this node that a change of each of its files restarts."""
    authorities = dict.fromkeys(CA_FILES[certificate.ca] for certificate in certificates)
    names = (*authorities, *(certificate.name for certificate in certificates))
    return {name: tuple(unit for unit in _READERS[name] if node.is_master or unit in _ON_WORKERS) for name in names}


def limits_of(certificates: Sequence[Certificate]) -> NodeLimits:
    """Give the limits of a credential with which these can be had and nothing else."""
    first, *others = (certificate.limits() for certificate in certificates)
    return msgspec.structs.replace(first, others=tuple(others))
