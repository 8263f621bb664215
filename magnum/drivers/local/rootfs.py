"""Root file systems of machines: a minimal Debian built once, shared read-only by every machine as its lower layer.

What one is made from decides its key: suite, packages, architecture, and the files of ours that are laid over it. Under
its key it is complete or absent: it is built in a folder beside, flushed to the disk and then renamed. Two builders of
one key wait for each other. It is never changed afterwards, because machines may be running on it.

The package mirror is the one that this host's own apt uses. `python -m magnum.drivers.local.rootfs` builds the default.
"""

import hashlib
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from magnum.certificates.private_files import sync_directory
from magnum.drivers.local import apt, locks
from magnum.drivers.local.commands import run
from magnum.drivers.local.errors import LocalError, RootfsMissingError
from magnum.drivers.local.settings import default_cache_dir

METHOD = 2
"""Raise it when the way of building changes, so that what was built in the old way is not used."""
BUILD_SECONDS = 1800.0
QUERY_SECONDS = 60.0
IMAGE_FILES = Path(__file__).with_name("image")

# Programs of the root get mount and process namespaces of their own: what they mount or leave running ends with them.
CONTAINED = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
DPKG_OPTIONS = """\
# Flushed once at the end instead of once for each file.
force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
"""
APT_OPTIONS = "etc/apt/apt.conf.d/90-as-on-the-host"
# Unique to a machine; each one gets its own on its first boot.
IDENTITY = ("etc/machine-id", "var/lib/dbus/machine-id", "etc/hostname", "etc/resolv.conf")


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """All that a root file system is made from."""

    suite: str
    base_packages: tuple[str, ...]
    """Those that debootstrap installs. It does not resolve versioned provides, as cloud-init's dependencies have."""
    packages: tuple[str, ...]
    disabled_units: tuple[str, ...] = ()
    """What a package would start at boot by itself, though that is for the node's user data to decide."""
    masked_units: tuple[str, ...] = ()
    enabled_units: tuple[str, ...] = ()
    removed_files: tuple[str, ...] = ()
    files: Path = IMAGE_FILES / "debian"
    """Laid over the root after the packages."""
    upon: "Recipe | None" = None
    """What it is a copy of to begin with; the rest comes on top of that."""
    architecture: str = msgspec.field(default_factory=platform.machine)

    def key(self) -> str:
        digest = hashlib.sha256()
        units = (self.disabled_units, self.masked_units, self.enabled_units)
        lists = (self.base_packages, self.packages, *units, self.removed_files)
        for part in (str(METHOD), DPKG_OPTIONS, self.suite, self.architecture, *(" ".join(names) for names in lists)):
            digest.update(part.encode() + b"\0")
        if self.upon:
            digest.update(self.upon.key().encode())
        for path, executable, content in self.own_files():
            digest.update(f"{path}\0{executable}\0{len(content)}\0".encode() + content)
        return f"debian-{self.suite}-{digest.hexdigest()[:16]}"

    def own_files(self) -> Iterator[tuple[Path, bool, bytes]]:
        """Give where each file of ours goes, whether it is a program, and its content."""
        for file in sorted(file for file in self.files.rglob("*") if file.is_file()):
            yield file.relative_to(self.files), bool(file.stat().st_mode & 0o100), file.read_bytes()


DEBIAN_12 = Recipe(
    suite="bookworm",
    base_packages=("ca-certificates", "dbus", "iproute2", "netbase", "procps", "systemd", "systemd-sysv"),
    packages=(
        *("cloud-init", "openssh-server", "sudo"),
        *("docker.io", "iptables", "conntrack", "ethtool", "socat"),
        *("containernetworking-plugins", "etcd-server", "etcd-client", "haproxy"),
        *("busybox-static", "curl", "iputils-ping", "jq", "openssl"),
    ),
    disabled_units=("docker.service", "docker.socket", "containerd.service", "etcd.service", "haproxy.service"),
    enabled_units=("prepare-container-host.service",),
    # Beside a unit of the same name it only makes `systemctl enable` run Perl for half a second.
    removed_files=("etc/init.d/docker", "etc/init.d/etcd", "etc/init.d/haproxy"),
    masked_units=(
        "systemd-sysctl.service",  # would write settings of the kernel that all machines share
        *("sys-kernel-debug.mount", "sys-kernel-tracing.mount", "systemd-modules-load.service"),
        *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer"),
        *("e2scrub_reap.service", "systemd-pstore.service", "systemd-timesyncd.service", "getty@.service"),
    ),
)

RECIPES: Mapping[str, Recipe] = {"debian-12": DEBIAN_12}
"""By the name that the image has in the catalogue."""


def path_of(recipe: Recipe, cache_dir: Path) -> Path:
    return cache_dir / "rootfs" / recipe.key()


def find(image: str, cache_dir: Path) -> Path:
    """Give the root file system of an image that was built before."""
    if image not in RECIPES:
        raise RootfsMissingError(f"this host has no machines with image {image!r}, only with: {', '.join(RECIPES)}")
    root = path_of(RECIPES[image], cache_dir)
    if not root.is_dir():
        raise RootfsMissingError(
            f"the root file system of image {image!r} is not built ({root} does not exist): "
            "run 'python -m magnum.drivers.local.rootfs'"
        )
    return root


def ensure(recipe: Recipe, cache_dir: Path, progress: Callable[[str], None]) -> Path:
    """Return the folder of the root file system, building it first when it is not there."""
    root = path_of(recipe, cache_dir)
    if root.is_dir():
        return root
    upon = ensure(recipe.upon, cache_dir, progress) if recipe.upon else None
    lock = root.with_name(root.name + ".lock")
    with locks.exclusive(
        lock, timeout=BUILD_SECONDS, waiting=lambda: progress(f"waiting for another process that builds {root}")
    ) as held:
        if root.is_dir():
            return root
        partial = root.with_name(root.name + ".partial")
        _Build(recipe, partial, progress, held, upon).run()
        partial.rename(root)
        sync_directory(root.parent)
    return root


class _Build:
    """One build. Every program gets the lock, so that one which outlives us still keeps the next builder out."""

    def __init__(
        self, recipe: Recipe, root: Path, progress: Callable[[str], None], lock: int, upon: Path | None
    ) -> None:
        self.recipe = recipe
        self.root = root
        self.upon = upon
        self.lock = lock
        self._progress = progress
        self._started = time.monotonic()

    def run(self) -> None:
        if self.root.exists():
            self.tell("removing a build that was interrupted")
            shutil.rmtree(self.root)
        self.root.mkdir()
        self.root.chmod(0o755)
        repositories = apt.repositories_of(self.recipe.suite, timeout=QUERY_SECONDS)
        if self.upon:
            self.tell(f"1/4 base system: a copy of {self.upon}")
            self._contained("cp", "--archive", "--no-target-directory", self.upon, self.root)
        else:
            self.tell(f"1/4 base system: Debian {self.recipe.suite} from {repositories[0].uri}")
            self.bootstrap(repositories[0])
        self.tell(f"2/4 packages: {' '.join(self.recipe.packages)}")
        self.install(repositories)
        self.tell("3/4 units and settings of a machine")
        self.configure()
        self.tell("4/4 writing it to the disk")
        run(["sync", "--file-system", self.root], timeout=BUILD_SECONDS)
        self.tell("the root file system is ready")

    def tell(self, text: str) -> None:
        self._progress(f"[{time.monotonic() - self._started:5.1f} s] {text}")

    def bootstrap(self, mirror: apt.Repository) -> None:
        include = ",".join(self.recipe.base_packages)
        self._contained(
            "debootstrap", "--variant=minbase", f"--include={include}", self.recipe.suite, self.root, mirror.uri
        )

    def install(self, repositories: tuple[apt.Repository, ...]) -> None:
        sources = "".join(repository.line() + "\n" for repository in repositories)
        self.write("etc/apt/sources.list", sources)
        self.write(APT_OPTIONS, apt.options(timeout=QUERY_SECONDS))
        self.write("etc/dpkg/dpkg.cfg.d/90-lean", DPKG_OPTIONS)
        self.write("etc/resolv.conf", Path("/etc/resolv.conf").read_text())
        # Packages must not start their daemons in here.
        self.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", mode=0o755)
        self.chroot("apt-get", "--quiet", "update")
        self.chroot("apt-get", "--quiet", "--yes", "--no-install-recommends", "install", *self.recipe.packages)
        self.chroot("apt-get", "clean")
        for path in ("usr/sbin/policy-rc.d", APT_OPTIONS):
            (self.root / path).unlink()
        shutil.rmtree(self.root / "var/lib/apt/lists")

    def configure(self) -> None:
        for path, executable, content in self.recipe.own_files():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(content)
            (self.root / path).chmod(0o755 if executable else 0o644)
        for verb, units in (
            ("disable", self.recipe.disabled_units),
            ("mask", self.recipe.masked_units),
            ("enable", self.recipe.enabled_units),
        ):
            if units:
                self.chroot("systemctl", verb, *units)
        for name in (*IDENTITY, *self.recipe.removed_files):
            (self.root / name).unlink(missing_ok=True)
        for key in (self.root / "etc/ssh").glob("ssh_host_*"):
            key.unlink()
        # Present but empty: without the file systemd takes the boot for a first one and starts its questions.
        self.write("etc/machine-id", "")

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        file = self.root / path
        file.write_text(content)
        file.chmod(mode)

    def chroot(self, *argv: str) -> None:
        self._contained(f"--mount-proc={self.root}/proc", "chroot", self.root, *argv)

    def _contained(self, *argv: str | Path) -> None:
        environment = {"DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"}
        run([*CONTAINED, *argv], timeout=BUILD_SECONDS, environment=environment, stdin=self.lock)


def main() -> int:
    try:
        root = ensure(DEBIAN_12, default_cache_dir(), lambda text: print(text, flush=True))  # noqa: T201 - its purpose
    except LocalError as error:
        print(f"The root file system of the machines could not be built: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(root)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
