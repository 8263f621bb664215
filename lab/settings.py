"""What one lab is: its folder, its ports, its passwords.

It is written down when the lab is first started and holds until `make lab-clean`, for addresses and passwords get into
every service's database. The ports are as many as there are servers, one after another, so that labs of several
checkouts run side by side, and beside what the host runs on the usual ports.

Servers of the lab's users are guests, which do not reach the host's loopback. So what is in the catalogue listens on an
address of the lab's own, out of a range that follows from its ports. Only root can have that; others have loopback.
"""

import os
import secrets
from ipaddress import IPv4Network
from pathlib import Path

import msgspec

from magnum.certificates.private_files import write_private_file

LOOPBACK = "127.0.0.1"
RANGES = IPv4Network("100.64.0.0/10")
"""Not of the Internet, and of no company's inside either: what providers use between themselves and their customers."""
FEWEST_PORTS = 16
"""A lab has no fewer, so that labs which have none in common have no address in common."""
FLOATING_ON_LOOPBACK = IPv4Network("127.24.0.0/16")
REGION = "RegionOne"
SERVERS = (
    *("keystone", "barbican", "glance", "placement", "nova", "neutron", "cinder", "octavia", "heat", "heat-cfn"),
    *("magnum", "mariadb", "memcached", "rabbitmq", "rabbitmq-nodes", "epmd"),
    *("releases", "registry"),
)
"""Who has a port, in the order of the ports."""
GROUND = ("mariadb", "memcached", "rabbitmq", "rabbitmq-nodes", "epmd")
"""Who is there for the others only, on loopback."""


class LabError(Exception):
    """The lab cannot be had; the text says why, and what to do."""


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept in the folder."""

    port: int
    password: str
    """Of every user of every service."""
    key: str
    """What Heat and Barbican encrypt with: 32 letters."""
    address: str = LOOPBACK
    """Where all that is in the catalogue listens."""


class Lab(msgspec.Struct, frozen=True):
    folder: Path
    environment: Path
    """The virtual environment with the services."""
    checkout: Path
    """Where our own service is run from."""
    written: Written

    def __repr__(self) -> str:
        return f"Lab({self.folder})"

    @property
    def password(self) -> str:
        return self.written.password

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def etc(self) -> Path:
        return self.folder / "etc"

    @property
    def clouds(self) -> Path:
        return self.folder / "clouds.yaml"

    @property
    def identity(self) -> str:
        return f"{self.url('keystone')}/v3"

    @property
    def address(self) -> str:
        return self.written.address

    @property
    def has_guests(self) -> bool:
        """Say whether servers may run: whoever made the lab was root."""
        return self.address != LOOPBACK

    @property
    def floating(self) -> IPv4Network:
        """Give the addresses of the external network."""
        return halves(self.written.port)[1] if self.has_guests else FLOATING_ON_LOOPBACK

    def port(self, server: str) -> int:
        return self.written.port + SERVERS.index(server)

    def host(self, server: str) -> str:
        """Give the address on which a server listens."""
        return LOOPBACK if server in GROUND else self.address

    def url(self, server: str) -> str:
        return f"http://{self.host(server)}:{self.port(server)}"

    def program(self, name: str) -> str:
        """Give the path of a program of the services."""
        return str(self.environment / "bin" / name)

    def own_program(self, name: str) -> str:
        """Give the path of a program of ours."""
        return str(self.checkout / ".venv/bin" / name)


def open_lab(folder: Path, environment: Path, checkout: Path, port: int | None) -> Lab:
    """Open the lab in this folder; make one, at this port, if there is none. Raises LabError."""
    file = folder / "lab.json"
    if file.exists():
        written = msgspec.json.decode(file.read_bytes(), type=Written)
        if port is not None and port != written.port:
            raise LabError(
                f"The lab in {folder} has its ports at {written.port}, and they stand in its databases. "
                f"To have it at {port}: make lab-clean, then make lab LAB_PORT={port}"
            )
    else:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        port = port or 5000
        address = str(halves(port)[0][1]) if os.geteuid() == 0 else LOOPBACK
        written = Written(port=port, password=secrets.token_hex(16), key=secrets.token_hex(16), address=address)
        write_private_file(file, msgspec.json.encode(written), replace=False)
    return Lab(folder, environment, checkout, written)


def halves(port: int) -> tuple[IPv4Network, IPv4Network]:
    """Give what the lab with these ports has of the ranges: its own addresses, and those that float."""
    size = 22
    first = int(RANGES.network_address) + (port // FEWEST_PORTS << 32 - size)
    own, floating = IPv4Network((first, size)).subnets()
    return own, floating
