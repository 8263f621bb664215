"""The lowest layer of images: some packages of a Debian root file system, with all that they depend on.

Taken file by file out of a root file system that is there anyway, so that nothing is installed for it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from .registry import tar

PACKAGES = (
    *("base-files", "bash", "coreutils", "dash", "findutils", "grep", "sed", "procps", "ca-certificates"),
    *("iproute2", "iptables", "conntrack", "ethtool", "socat", "mount", "util-linux"),
)
"""What a kubelet, a kube-proxy and a person who looks for a fault call."""
LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/bash-completion")
MADE_AT_INSTALLATION = (
    *("etc/passwd", "etc/group", "etc/nsswitch.conf", "etc/ld.so.cache"),
    *("etc/ssl/certs/ca-certificates.crt", "lib", "lib64", "bin", "sbin"),
)


def layer(root: Path) -> bytes:
    files: dict[str, tuple[bytes, int]] = {}
    links: dict[str, str] = {}
    for path in sorted({*MADE_AT_INSTALLATION, *_files(root), *_alternatives(root)}):
        place = root / path
        if place.is_symlink():
            links[path] = str(place.readlink())
        elif place.is_file():
            files[path] = place.read_bytes(), place.stat().st_mode & 0o777
    return tar(files, links)


def _files(root: Path) -> Iterator[str]:
    lists = root / "var/lib/dpkg/info"
    for package in closure(root, PACKAGES):
        [listed] = [*lists.glob(f"{package}.list"), *lists.glob(f"{package}:*.list")]
        for line in listed.read_text().splitlines():
            # /bin and /lib are links to what is in /usr; a file must not be put through a link of its own layer.
            path = re.sub(r"^(bin|sbin|lib|lib64)/", r"usr/\1/", line.lstrip("/"))
            if path and not path.startswith(LEFT_OUT):
                yield path


def _alternatives(root: Path) -> Iterator[str]:
    """Give the links by which Debian chooses among programs of one name: iptables is one."""
    for folder in ("usr/bin", "usr/sbin"):
        for program in (root / folder).iterdir():
            if program.is_symlink() and str(program.readlink()).startswith("/etc/alternatives/"):
                yield from (f"{folder}/{program.name}", str(program.readlink()).lstrip("/"))


def closure(root: Path, packages: tuple[str, ...]) -> list[str]:
    """Give the packages with all that they need, as far as it is installed."""
    needs: dict[str, list[str]] = {}
    for paragraph in (root / "var/lib/dpkg/status").read_text().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if re.match(r"[A-Z][\w-]*: ", line))
        needed = f"{fields.get('Depends', '')},{fields.get('Pre-Depends', '')}"
        if fields.get("Status") == "install ok installed":
            needs[fields["Package"]] = [match[1] for match in re.finditer(r"(?:^|[,|])\s*([a-z0-9.+-]+)", needed)]
    found: dict[str, None] = {}
    waiting = [*packages]
    while waiting:
        if (package := waiting.pop()) in needs and package not in found:
            found[package] = None
            waiting += needs[package]
    return sorted(found)
