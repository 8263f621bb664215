"""What the services say there is, of all projects, asked as the lab's administrator.

Nothing here changes anything. A service that does not answer is an exception: nobody takes it for an empty cloud.
"""

import base64
from typing import Any, TypeVar

import msgspec
from keystoneauth1.exceptions import NotFound

from lab.clouds import connect
from lab.settings import Lab

NOVA = "compute 2.73"
"""The first that shows flavors as the server has them is 2.47; user data are shown to administrators since 2.3."""
SECONDS = 30
T = TypeVar("T")


class Flavor(msgspec.Struct, frozen=True):
    vcpus: int
    ram: int


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A server as Nova tells of it."""

    id: str
    name: str
    status: str
    flavor: Flavor
    updated: str
    user_id: str
    tenant_id: str
    image: dict[str, Any] | str = ""
    key_name: str | None = None
    metadata: dict[str, str] = {}
    host_name: str = msgspec.field(name="OS-EXT-SRV-ATTR:hostname")
    encoded_user_data: str | None = msgspec.field(name="OS-EXT-SRV-ATTR:user_data", default=None)
    volumes: list[dict[str, Any]] = msgspec.field(name="os-extended-volumes:volumes_attached", default=[])

    def __repr__(self) -> str:
        return f"Server({self.name}, {self.id}, {self.status})"

    @property
    def user_data(self) -> str:
        return base64.b64decode(self.encoded_user_data or "").decode(errors="surrogateescape")


class Action(msgspec.Struct, frozen=True):
    """What was asked of a server once."""

    action: str
    request_id: str


class FixedAddress(msgspec.Struct, frozen=True):
    subnet_id: str
    ip_address: str


class Port(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    network_id: str
    mac_address: str
    device_id: str
    device_owner: str
    fixed_ips: tuple[FixedAddress, ...]


class HostRoute(msgspec.Struct, frozen=True):
    destination: str
    nexthop: str


class Subnet(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    network_id: str
    cidr: str
    gateway_ip: str | None
    host_routes: tuple[HostRoute, ...] = ()


class FloatingAddress(msgspec.Struct, frozen=True, kw_only=True):
    floating_ip_address: str
    floating_network_id: str
    fixed_ip_address: str | None
    router_id: str | None


class Networks(msgspec.Struct, frozen=True):
    """All of Neutron that matters here."""

    ports: tuple[Port, ...]
    subnets: tuple[Subnet, ...]
    floating: tuple[FloatingAddress, ...]


class Cloud:
    """The services, asked."""

    def __init__(self, lab: Lab) -> None:
        self._session = connect(lab).session
        self._ports: tuple[Port, ...] = ()
        self._subnets: tuple[Subnet, ...] = ()

    def servers(self) -> list[Server]:
        return self.all_of("compute", "/servers/detail?all_tenants=1", "servers", list[Server])

    def actions(self, server: str) -> list[Action]:
        """Give what was asked of a server, the latest first."""
        return self.all_of("compute", f"/servers/{server}/os-instance-actions", "instanceActions", list[Action])

    def public_key(self, server: Server) -> str | None:
        """Give the key that a server was made with, if it is still there."""
        try:
            found = self.ask("compute", f"/os-keypairs/{server.key_name}?user_id={server.user_id}")
        except NotFound:
            return None
        return str(found["keypair"]["public_key"])

    def distribution(self, image: str) -> str | None:
        """Say what an image is of, if it says so and is still there."""
        try:
            found: str | None = self.ask("image", f"/v2/images/{image}").get("os_distro")
        except NotFound:
            return None
        return found

    def networks(self) -> Networks:
        ports = self.all_of("network", "/v2.0/ports", "ports", tuple[Port, ...])
        if ports != self._ports:  # a router or a subnet that matters has a port
            self._subnets = self.all_of("network", "/v2.0/subnets?ip_version=4", "subnets", tuple[Subnet, ...])
            self._ports = ports
        floating = self.all_of("network", "/v2.0/floatingips", "floatingips", tuple[FloatingAddress, ...])
        return Networks(ports, self._subnets, floating)

    def ask(self, service: str, path: str) -> Any:
        headers = {"OpenStack-API-Version": NOVA} if service == "compute" else {}
        where = {"service_type": service, "interface": "public"}
        return self._session.get(path, endpoint_filter=where, headers=headers, timeout=SECONDS).json()

    def all_of(self, service: str, path: str, key: str, kind: type[T]) -> T:
        """Ask for all of a list, page by page."""
        found: list[Any] = []
        following: str | None = path
        while following:
            answer = self.ask(service, following)
            found += answer[key]
            links = {link["rel"]: link["href"] for link in answer.get(f"{key}_links", ())}
            following = links.get("next")
        return msgspec.convert(found, kind)
