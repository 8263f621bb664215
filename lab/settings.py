"""What one lab is: its folder, its ports, its passwords.

It is written down when the lab is first started and holds until `make lab-clean`, for addresses and passwords get into
every service's database. The ports are as many as there are servers, one after another, so that labs of several
checkouts run side by side, and beside what the host runs on the usual ports.
"""

import secrets
from pathlib import Path

import msgspec

from magnum.certificates.private_files import write_private_file

ADDRESS = "127.0.0.1"
REGION = "RegionOne"
SERVERS = (
    *("keystone", "barbican", "glance", "placement", "nova", "neutron", "cinder", "octavia", "heat", "heat-cfn"),
    *("magnum", "mariadb", "memcached", "rabbitmq", "rabbitmq-nodes", "epmd"),
    *("releases", "registry"),
)
"""Who has a port, in the order of the ports."""


class LabError(Exception):
    """The lab cannot be had; the text says why, and what to do."""


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept in the folder."""

    port: int
    password: str
    """Of every user of every service."""
    key: str
    """What Heat and Barbican encrypt with: 32 letters."""


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

    def port(self, server: str) -> int:
        return self.written.port + SERVERS.index(server)

    def url(self, server: str) -> str:
        return f"http://{ADDRESS}:{self.port(server)}"

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
        written = Written(port=port or 5000, password=secrets.token_hex(16), key=secrets.token_hex(16))
        write_private_file(file, msgspec.json.encode(written), replace=False)
    return Lab(folder, environment, checkout, written)
