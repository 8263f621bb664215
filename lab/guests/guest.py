"""One guest: the machine of this host that a server of Nova's is made of.

Its folder is `data/guests/UUID` and can be found by the server's name in `var/lab/guests`. It is a machine like those
of the drivers for this host: the same root file system, the same control group, the same way of booting. What is the
server's own: its user data and its keys as Nova's metadata give them, its name, and its identity, which is its UUID.
User data that are an Ignition document make it a server with Fedora CoreOS, as far as there is one here.
"""

from ipaddress import IPv4Address
from pathlib import Path

import msgspec

from lab.fedora_coreos import ignition
from lab.fedora_coreos.root import RECIPE as FEDORA_COREOS
from lab.settings import Lab
from magnum.certificates.private_files import write_private_file
from magnum.drivers.local import locks, rootfs
from magnum.drivers.local.cgroups import Cgroups
from magnum.drivers.local.folders import Bind, MachineFolder, MachineSpec
from magnum.drivers.local.machines import Power, boot_command
from magnum.drivers.local.names import MachineNames
from magnum.drivers.local.settings import LocalSettings

from . import volumes
from .cloud import Server
from .servers import Known
from .topology import Node
from .wiring import Wiring

FILES = Path(__file__).with_name("files")
KERNEL_LOG = Path("/dev/kmsg")
RECORD = "guest.json"
MORE_VOLUMES = ("containers",)
"""Beside those of every machine: where podman keeps its images."""
DISKS = ("etcd",)
"""Of those of every machine: what is a volume of Cinder here, if there is one, and must not be mounted before it."""


class Guests:
    """All guests of a lab."""

    def __init__(self, lab: Lab, wiring: Wiring, cache: Path) -> None:
        self.settings = LocalSettings(state_dir=lab.data / "guests", cache_dir=cache)
        self.by_name = lab.folder / "guests"
        self.cgroups = Cgroups(self.settings.cgroup_root, f"magnum-lab-{lab.written.port}")
        self.wiring = wiring

    def guest(self, uuid: str) -> "Guest":
        return Guest(self, uuid)

    def uuids(self) -> list[str]:
        folder = self.settings.state_dir
        return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []


class Guest:
    def __init__(self, guests: Guests, uuid: str) -> None:
        self.uuid = uuid
        self._guests = guests
        self.folder = MachineFolder(guests.settings.state_dir / uuid)
        self.power = Power(guests.settings, guests.cgroups, uuid, self.folder, withheld=volumes.withheld())
        self.namespace = guests.wiring.namespace("guest", uuid)

    @property
    def running(self) -> bool:
        return self.power.is_on

    def known(self) -> Known | None:
        """Give which requests it follows from; None if its disk is not complete."""
        try:
            content = (self.folder.path / RECORD).read_bytes()
        except FileNotFoundError:
            return None
        return msgspec.json.decode(content, type=Known)

    def make(self, server: Server, public_key: str | None) -> None:
        """Make the disk, anew if there was one."""
        self.cut_power()
        self.folder.remove()
        ignited = ignition.is_document(server.user_data)
        keys = {"public-keys": {str(server.key_name): public_key}} if public_key else {}
        spec = MachineSpec(
            cluster_uuid=server.tenant_id,
            name=server.host_name,
            address=IPv4Address(0),
            memory_mib=server.flavor.ram,
            vcpus=server.flavor.vcpus,
            user_data="" if ignited else server.user_data,
            instance_id=server.id,
            identity=server.id.replace("-", ""),
            metadata={**keys, "meta": server.metadata},
            binds=(Bind(KERNEL_LOG, KERNEL_LOG),),
        )
        root = rootfs.path_of(FEDORA_COREOS if ignited else rootfs.DEBIAN_12, self._guests.settings.cache_dir)
        self.folder.create(spec, root)
        for name in MORE_VOLUMES:
            (self.folder.path / "volumes" / name).mkdir()
        for name in DISKS:
            (self.folder.path / "volumes" / name).rmdir()
        lay_over(self.folder.path / "upper")
        if ignited:
            ignition.apply(server.user_data, self.folder.path)
        self._show_by_name(server)

    def start(self, server: Server, node: Node, asked: Known) -> None:
        """Switch it on, with what its flavor and its ports are now."""
        record = self.folder.record()
        assert record
        record = msgspec.structs.replace(
            record, memory_mib=server.flavor.ram, vcpus=server.flavor.vcpus, starts=record.starts + 1
        )
        self._guests.wiring.remake(self.namespace, node)
        self.folder.write_resolvers(())
        self.folder.write(record)
        names = MachineNames(unit=self.uuid, netns=self.namespace, veth="")
        with locks.exclusive(self.folder.path / "lock", timeout=self._guests.settings.lock_limit) as lock:
            command = boot_command(names, self.folder, record.binds, host_name=server.host_name)
            self.power.switch_on(record, command, lock)
        write_private_file(self.folder.path / RECORD, msgspec.json.encode(asked), replace=True)

    def shut_down(self) -> None:
        self.power.shut_down()
        self.cut_power()

    def cut_power(self) -> None:
        """Leave nothing of it but its folder."""
        self.power.cut()
        self._guests.wiring.remove(self.namespace)
        self.power.remove_group()

    def delete(self) -> None:
        self.cut_power()
        for link in self._guests.by_name.glob("*"):
            if link.is_symlink() and link.readlink().name == self.uuid:
                link.unlink()
        self.folder.remove()

    def _show_by_name(self, server: Server) -> None:
        """Let people find it by its name; of those with one name, the later ones have more of a name."""
        self._guests.by_name.mkdir(mode=0o700, exist_ok=True)
        for name in (server.host_name, f"{server.host_name}-{self.uuid}"):
            link = self._guests.by_name / name
            if link.is_symlink() and link.readlink().name == self.uuid:
                return
            if not link.is_symlink():
                link.symlink_to(Path("../data/guests") / self.uuid)
                return


def lay_over(upper: Path) -> None:
    """Put files of ours on a disk: they make of a machine that shares a kernel what software takes for a server."""
    for source in (source for source in FILES.rglob("*") if source.is_file()):
        target = upper / source.relative_to(FILES)
        for folder in reversed(target.relative_to(upper).parents):
            if not (upper / folder).is_dir():
                (upper / folder).mkdir()
                (upper / folder).chmod(0o755)
        target.write_bytes(source.read_bytes())
        target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
