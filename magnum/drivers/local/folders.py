"""One machine's folder: its disk, and what cloud-init finds on it.

The folder is the truth. It is there before anything else of the machine is made and goes after everything else is gone,
so that a crash at any line leaves something to find. It holds:

    machine.json    what it was made from, and whether its owner wants it on; written last: with it the disk is complete
                    (unless it says itself that the disk is being made anew)
    lower           → the root file system that it shares with others, the same one for the disk's whole life
    upper, work     what it has written over that
    volumes         folders that may not lie on an overlay, because container engines make overlays of their own there
    shared          files of ours that it sees and cannot change, which may change while it runs
    console.log     what systemd-nspawn and the machine's console say
"""

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import msgspec

from magnum.certificates.private_files import write_private_file
from magnum.drivers.local.commands import run
from magnum.drivers.local.errors import LocalError

RECORD = "machine.json"
CONSOLE = "console.log"
CONSOLE_TAIL = 400
SEED = "var/lib/cloud/seed/nocloud"
REMOVAL_LIMIT = 60.0
VOLUMES = ("containerd", "docker", "etcd", "kubelet")
KEPT = frozenset({"containerd", "docker", "etcd"})
"""What a new disk does not take away: images, and what only this machine may have."""
SHARED = Path("/var/lib/magnum")
"""Where a machine sees the files that are shared with it."""
# Without egress: refuses at once, where a resolver that does not answer costs 20 seconds for each name.
NO_RESOLVER = "127.0.0.1"
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[()].|.)")


class Bind(msgspec.Struct, frozen=True):
    """Something of this host that a machine sees at a place of its own, and cannot change."""

    source: Path
    target: Path


class MachineSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A machine as it shall be. `user_data` and `instance_id` are cloud-init's; user data hold secrets."""

    cluster_uuid: str
    name: str
    address: IPv4Address
    memory_mib: int
    vcpus: int
    user_data: str
    instance_id: str
    image: str = "debian-12"
    binds: tuple[Bind, ...] = ()
    edition: str = ""
    """What its disk is made from, in a word of its owner's; remembered with the disk."""
    shared: Mapping[str, bytes] = {}
    identity: str | None = None
    """What it calls itself in /etc/machine-id; follows from the rest if nothing is said."""
    metadata: Mapping[str, Any] = {}
    """Of cloud-init's, beside the name and the instance."""

    def __repr__(self) -> str:
        return f"MachineSpec({self.cluster_uuid}/{self.name})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("cluster_uuid", self.cluster_uuid), ("name", self.name)]


class MachineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a machine."""

    name: str
    address: IPv4Address
    memory_mib: int
    vcpus: int
    binds: tuple[Bind, ...] = ()
    powered: bool = True
    """Whether its owner wants it on; a stop of the whole host does not change that."""
    starts: int = 0
    """How often it was switched on for its owner."""
    edition: str = ""
    instance_id: str = ""
    rebuilding: bool = False
    """Whether its disk is being made anew: then there is none, but volumes that are kept."""


class MachineFolder:
    """The folder of one machine, which may or may not be there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def record(self) -> MachineRecord | None:
        """Give what is remembered; None when there is no machine, or its disk is not complete."""
        record = self._remembered()
        return None if record is None or record.rebuilding else record

    def _remembered(self) -> MachineRecord | None:
        try:
            content = (self.path / RECORD).read_bytes()
        except FileNotFoundError:
            return None
        return msgspec.json.decode(content, type=MachineRecord, dec_hook=lambda kind, text: kind(text))

    def write(self, record: MachineRecord) -> MachineRecord:
        write_private_file(self.path / RECORD, msgspec.json.encode(record, enc_hook=str), replace=True)
        return record

    def create(self, spec: MachineSpec, rootfs: Path) -> MachineRecord:
        """Make the disk, anew if an earlier attempt died before it was complete."""
        if self._remembered() is None:
            self.remove()
            self.path.mkdir(mode=0o700, parents=True)
        else:
            self._remove_disk()
        (self.path / "lower").symlink_to(rootfs)
        for name in ("upper", "work", "root", *(f"volumes/{volume}" for volume in VOLUMES)):
            _make_folder(self.path, name)
        self._write_seed(spec)
        if spec.shared:
            _make_folder(self.path, "shared")
            self.share(spec.shared)
        _write_file(self.path / CONSOLE, "", 0o600)
        return self.write(
            MachineRecord(
                name=spec.name,
                address=spec.address,
                memory_mib=spec.memory_mib,
                vcpus=spec.vcpus,
                binds=spec.binds,
                edition=spec.edition,
                instance_id=spec.instance_id,
            )
        )

    def rebuild(self, spec: MachineSpec, rootfs: Path) -> MachineRecord:
        """Make a new disk beside the volumes that are kept; the machine must be off. A crash leaves it to `create`."""
        if (record := self.record()) is not None:
            self.write(msgspec.structs.replace(record, rebuilding=True))
        return self.create(spec, rootfs)

    def _remove_disk(self) -> None:
        kept = {RECORD, "volumes", *(f"volumes/{name}" for name in KEPT)}
        entries = [*self.path.iterdir(), *(self.path / "volumes").glob("*")]
        remove_tree(*(entry for entry in entries if str(entry.relative_to(self.path)) not in kept))

    def _write_seed(self, spec: MachineSpec) -> None:
        upper = self.path / "upper"
        _make_folder(upper, SEED)
        metadata = {"instance-id": spec.instance_id, "local-hostname": spec.name, **spec.metadata}
        _write_file(upper / SEED / "meta-data", msgspec.json.encode(metadata).decode(), 0o644)
        _write_file(upper / SEED / "user-data", spec.user_data, 0o600)
        _make_folder(upper, "etc")
        identity = spec.identity or machine_id(spec.cluster_uuid, spec.name, spec.instance_id)
        _write_file(upper / "etc/machine-id", identity + "\n", 0o444)

    def volumes(self) -> tuple[tuple[Path, Path], ...]:
        """Give the folders that are not on the overlay, and where the machine sees them. An old machine has fewer."""
        return tuple((path, Path("/var/lib") / path.name) for path in sorted((self.path / "volumes").iterdir()))

    @property
    def shared_folder(self) -> Path | None:
        """Where the files lie that are shared with it; None for a machine that was made without."""
        path = self.path / "shared"
        return path if path.is_dir() else None

    def shared(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.path / "shared").glob("[!.]*"))}

    def share(self, files: Mapping[str, bytes]) -> None:
        """Change files that it sees, each at one blow; those of other names stay as they are."""
        for name, content in files.items():
            write_private_file(self.path / "shared" / name, content, replace=True)

    def write_resolvers(self, resolvers: Iterable[str]) -> None:
        """Say who answers for names, as a DHCP server would at every boot. The machine must not be running.

        What lies on its disk is the machine's, and so may be a link to a file of this host: none is followed.
        """
        lines = "".join(f"nameserver {resolver}\n" for resolver in resolvers or (NO_RESOLVER,))
        try:
            etc = os.open(self.path / "upper/etc", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            raise LocalError(f"the machine cannot boot: on its disk {self.path} /etc is no folder any more") from error
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink("resolv.conf", dir_fd=etc)
            _write_file("resolv.conf", lines, 0o644, folder=etc)
        finally:
            os.close(etc)

    def console_tail(self) -> str:
        try:
            with (self.path / CONSOLE).open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - CONSOLE_TAIL))
                return _plain(file.read().decode(errors="replace"))
        except FileNotFoundError:
            return ""

    def remove(self) -> None:
        remove_tree(self.path)


def machine_id(cluster_uuid: str, name: str, instance_id: str) -> str:
    """Give what a machine calls itself in /etc/machine-id: another one with every new disk."""
    return hashlib.sha256(f"{cluster_uuid}/{name}/{instance_id}".encode()).hexdigest()[:32]


def _plain(text: str) -> str:
    """Leave out colours and whatever else is meant for a screen, and empty lines."""
    lines = ("".join(filter(str.isprintable, line)).strip() for line in _ESCAPES.sub("", text).splitlines())
    return "\n".join(filter(None, lines))


def remove_tree(*paths: Path) -> None:
    """Remove folders with all that is in them; a disk full of container images takes `rm` a third of the time."""
    run(["rm", "--recursive", "--force", "--one-file-system", "--", *paths], timeout=REMOVAL_LIMIT)


def remove_if_empty(path: Path) -> None:
    try:
        path.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
            raise


def _make_folder(base: Path, name: str) -> None:
    """Make folders that everybody in the machine may pass, whatever our umask is."""
    path = base
    for part in Path(name).parts:
        path /= part
        if not path.is_dir():
            path.mkdir()
            path.chmod(0o755)


def _write_file(path: Path | str, content: str, mode: int, *, folder: int | None = None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode, dir_fd=folder)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
