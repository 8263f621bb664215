"""What a node is told of its cluster and of itself. Every value is checked when it is made.

With the network driver `bridge` the addresses of pods follow from their node's own: the n-th address of the machines'
network has the n-th part of the pods' network. So every node knows the way to the pods of every other, also of one that
is not there yet. With others, whoever runs the network in the cluster gives each node its part.
"""

import re
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

import msgspec

from magnum.nodes.data import Engine
from magnum.nodes.limits import HOST_NAME, UUID, check_entries, check_form

from .images import Images
from .releases import Release
from .versions import Version

MOST_PEERS = 256
SMALLEST_PART = 28
"""The longest prefix of the part of the pods' network that a node has."""
MOST_PARTS_BITS = 16
"""The controller manager divides a network into no more parts than this many bits can count."""
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_OPTIONS = re.compile(r"(--[a-z0-9][a-z0-9-]*(=[!#&(-\[\]-~]*)?( +(?=-)|$))*")  # no quote, $, % or backslash
_NAMES = re.compile(r"[A-Za-z0-9]{0,64}")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_SECRETBOX_KEY = re.compile(r"[A-Za-z0-9+/]{43}=")
_PRIVATE_KEY = re.compile(r"-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{1,8192}-----END PRIVATE KEY-----\n?")


class NetworkDriver(StrEnum):
    """Who brings packets to the pods of other nodes: the nodes themselves (bridge), or an add-on of this name."""

    BRIDGE = "bridge"
    FLANNEL = "flannel"
    CALICO = "calico"


class Member(msgspec.Struct, frozen=True):
    """A master, as the others know it."""

    name: str
    address: IPv4Address


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner adds to the flags of each program, as `--flag=value` separated by spaces."""

    kubelet: str = ""
    apiserver: str = ""
    controller_manager: str = ""
    scheduler: str = ""
    proxy: str = ""

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if len(value) > 4096 or _OPTIONS.fullmatch(value) is None:
                raise ValueError(
                    f"the options of {field} must be flags, --name=value, with spaces between them and neither quotes "
                    "nor $, % and backslashes in them"
                )


class KubernetesCluster(msgspec.Struct, frozen=True, kw_only=True):
    """`api` is where workers reach the API, and clients too unless they use one of `api_names`.

    It is a load balancer's address or the only master's; the others are addresses outside the machines' network, of
    which whoever is no node takes the first.
    """

    uuid: str
    version: Version
    network: IPv4Network
    """That of the machines."""
    masters: tuple[Member, ...]
    api: IPv4Address
    api_port: int = 6443
    api_names: tuple[IPv4Address, ...] = ()
    pods: IPv4Network = IPv4Network("10.100.0.0/16")
    services: IPv4Network = IPv4Network("10.254.0.0/16")
    dns: IPv4Address = IPv4Address("10.254.0.10")
    domain: str = "cluster.local"
    network_driver: NetworkDriver = NetworkDriver.BRIDGE
    node_prefix: int = 24
    """With flannel: the size of one node's part of the pods' network."""
    default_route: bool = False
    """Whether machines know a way to everywhere. Those that do not are told one to services."""
    engine: Engine = Engine()
    """How images are pulled."""
    pause_image: str = "localhost/magnum/pause:1"
    cgroup_driver: str = "cgroupfs"
    admission_plugins: tuple[str, ...] = ()
    options: Options = Options()
    watches_images: bool = False
    """Whether there is a folder with archives of images, from which new ones are imported whenever they come."""
    release: Release | None = None
    """What nodes fetch programs from; those that have none have them already."""
    images: Images | None = None
    """With these, programs run in containers."""

    def __post_init__(self) -> None:
        check_form("uuid", UUID, self.uuid)
        check_form("domain", _DOMAIN, self.domain)
        check_form("cgroup_driver", re.compile("cgroupfs|systemd"), self.cgroup_driver)
        check_form("admission_plugins", _NAMES, *self.admission_plugins)
        names = [member.name for member in self.masters]
        check_entries("masters", names)
        check_entries("api_names", [str(address) for address in self.api_names])
        check_form("masters", HOST_NAME, *names)
        if not self.masters:
            raise ValueError("a cluster of Kubernetes needs a master")
        for registry in self.engine.insecure_registries:
            if "/" in registry:
                raise ValueError(
                    f"insecure_registries has {registry}, which is no registry: name it by its host, and its port if "
                    "it has one"
                )
        if self.dns not in self.services:
            raise ValueError(f"dns {self.dns} is not in the network of services, {self.services}")
        for one, other in ((self.pods, self.services), (self.pods, self.network), (self.services, self.network)):
            if one.overlaps(other):
                raise ValueError(f"{one} and {other} overlap: pods, services and machines need a network each")
        if self.network_driver is NetworkDriver.BRIDGE:
            self._check_parts_by_address()
        elif self.network_driver is NetworkDriver.FLANNEL:
            self._check_parts_by_size()

    def _check_parts_by_address(self) -> None:
        if self.network.num_addresses > MOST_PEERS:
            raise ValueError(
                f"machines are in {self.network}; with the network driver bridge it may have 256 addresses"
            )
        if self.pods_prefix > SMALLEST_PART:
            raise ValueError(f"{self.pods} is too small for pods on each of {self.network.num_addresses} machines")

    def _check_parts_by_size(self) -> None:
        bits = self.node_prefix - self.pods.prefixlen
        if not 0 < bits <= MOST_PARTS_BITS or self.node_prefix > SMALLEST_PART:
            raise ValueError(
                f"{self.pods} cannot be divided into networks with a prefix of {self.node_prefix} bits for each node's "
                f"pods: it must be longer than {self.pods.prefixlen}, by {MOST_PARTS_BITS} at most, and not over "
                f"{SMALLEST_PART}"
            )

    @property
    def service_address(self) -> IPv4Address:
        """The API's own, as pods know it."""
        return self.services[1]

    @property
    def pods_prefix(self) -> int:
        """The size of one node's part of the pods' network."""
        return self.pods.prefixlen + self.network.max_prefixlen - self.network.prefixlen

    def pods_of(self, address: IPv4Address) -> IPv4Network:
        if address not in self.network:
            raise ValueError(f"{address} is not in the machines' network {self.network}")
        part = 1 << (32 - self.pods_prefix)
        number = int(address) - int(self.network.network_address)
        return IPv4Network((int(self.pods.network_address) + number * part, self.pods_prefix))

    @property
    def etcd_urls(self) -> tuple[str, ...]:
        return tuple(f"https://{member.address}:2379" for member in self.masters)

    @property
    def api_url(self) -> str:
        return f"https://{self.api}:{self.api_port}"

    @property
    def outside_url(self) -> str:
        return f"https://{(*self.api_names, self.api)[0]}:{self.api_port}"


class ClusterSecrets(msgspec.Struct, frozen=True):
    """What all masters of a cluster hold and nobody else. PEM (PKCS #8), and 32 bytes in base64."""

    service_account_key: str
    encryption_key: str

    def __post_init__(self) -> None:
        check_form("service_account_key", _PRIVATE_KEY, self.service_account_key)
        check_form("encryption_key", _SECRETBOX_KEY, self.encryption_key)

    def __repr__(self) -> str:
        return "ClusterSecrets(…)"


class Volume(msgspec.Struct, frozen=True):
    """One of a node's own, and the folder that it is."""

    id: str
    folder: Literal["/var/lib/etcd", "/var/lib/containerd"]

    def __post_init__(self) -> None:
        check_form("volume", UUID, self.id)


class KubernetesNode(msgspec.Struct, frozen=True, kw_only=True):
    """One node. A master has `secrets`, a worker has none."""

    name: str
    address: IPv4Address
    nodegroup: str
    role: str
    floating_address: IPv4Address | None = None
    """One outside the machines' network by which it is reached as well."""
    secrets: ClusterSecrets | None = None
    joins: bool = False
    """Whether etcd is there already and this node's member is added to it."""
    volumes: tuple[Volume, ...] = ()

    def __post_init__(self) -> None:
        check_form("name", HOST_NAME, self.name)
        check_form("nodegroup", _LABEL_VALUE, self.nodegroup)
        check_form("role", _LABEL_VALUE, self.role)

    @property
    def is_master(self) -> bool:
        return self.secrets is not None
