"""Programs of Kubernetes built from the source package that Debian 12 has, with the Go that Debian 12 has.

Needs no network but the host's Debian mirror: the package holds all that Kubernetes depends on. The version that the
programs say they are is a value at link time, so a second one costs a link, not a build. About seven minutes on two
cores, and 3 GB for as long as it takes.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from magnum.drivers.kubernetes.names import PROGRAMS
from magnum.drivers.local import apt
from magnum.drivers.local.commands import installed, run
from magnum.drivers.local.errors import LocalError

SUITE = "bookworm"
SOURCE = "kubernetes"
PACKAGES = {"dpkg-source": "dpkg-dev", "rsync": "rsync", "make": "make", "patch": "patch"}
"""Commands that are needed, and where they are from."""
GO = Path("/usr/lib/go-1.19/bin")
GO_PACKAGE = "golang-1.19-go"
"""What the source was written for; a newer one does not build it."""
REFLECT2 = Path("/usr/share/gocode/src/github.com/modern-go/reflect2")
REFLECT2_PACKAGE = "golang-github-modern-go-reflect2-dev"
"""The source holds 1.0.1, whose maps are not those of Go 1.18 and later: an API server that indents its answer, as it
does for curl, dies of it. Debian has one that knows them."""
BUILD_SECONDS = 3600.0
QUERY_SECONDS = 120.0


def packages() -> tuple[str, ...]:
    """Name the Debian packages that a build needs."""
    return (*PACKAGES.values(), GO_PACKAGE, REFLECT2_PACKAGE)


class SourceBuild:
    """One build in a folder that is ours. Programs get the lock, so that one which outlives us keeps others out."""

    def __init__(self, folder: Path, progress: Callable[[str], None], lock: int) -> None:
        self._folder = folder
        self._progress = progress
        self._lock = lock
        self._started = time.monotonic()

    def prepare(self) -> None:
        """Get the source."""
        missing = [package for command, package in PACKAGES.items() if not installed(command)]
        missing += [] if (GO / "go").exists() else [GO_PACKAGE]
        missing += [] if REFLECT2.is_dir() else [REFLECT2_PACKAGE]
        if missing:
            raise LocalError(f"to build Kubernetes, as root: apt-get install {' '.join(missing)}")
        if self._folder.exists():
            run(["rm", "--recursive", "--force", "--", self._folder], timeout=QUERY_SECONDS)
        self._folder.mkdir(parents=True)
        self._tell(f"building Kubernetes from Debian {SUITE}'s source: about seven minutes on two cores, once")
        environment = {"APT_CONFIG": str(self._apt_configuration())}
        self._run(["apt-get", "--quiet", "update"], environment=environment)
        self._run(["apt-get", "--quiet", "source", SOURCE], environment=environment)
        self._replace(self._tree() / "vendor/github.com/modern-go/reflect2", REFLECT2)

    def programs(self, tag: str) -> Path:
        """Build them as this version; gives the folder that they are in."""
        self._version_file().write_text(version_variables(tag))
        for number, name in enumerate(PROGRAMS, start=1):
            self._tell(f"{tag}: {number}/{len(PROGRAMS)} {name}")
            self._run(["make", f"WHAT=cmd/{name}"], cwd=self._tree(), environment=self._go_environment())
        self._tell(f"Kubernetes {tag} is built")
        return self._tree() / "_output/local/go/bin"

    def _replace(self, vendored: Path, newer: Path) -> None:
        run(["rm", "--recursive", "--force", "--", vendored], timeout=QUERY_SECONDS)
        run(["cp", "--recursive", "--dereference", "--", newer, vendored], timeout=QUERY_SECONDS)

    def _apt_configuration(self) -> Path:
        """Sources of the same mirror, in lists of our own: the host's stay as they are."""
        repositories = apt.repositories_of(SUITE, timeout=QUERY_SECONDS)
        for part in ("lists/partial", "cache/archives/partial"):
            (self._folder / part).mkdir(parents=True)
        sources, configuration = self._folder / "sources.list", self._folder / "apt.conf"
        sources.write_text(
            "".join(f"deb-src {repository.line().removeprefix('deb ')}\n" for repository in repositories)
        )
        configuration.write_text(
            f'Dir::Etc::SourceList "{sources}";\nDir::Etc::SourceParts "/dev/null";\n'
            f'Dir::State::Lists "{self._folder}/lists";\nDir::Cache "{self._folder}/cache";\n'
            'APT::Sandbox::User "root";\n'
        )
        return configuration

    def _tree(self) -> Path:
        trees = [path for path in self._folder.glob(f"{SOURCE}-*") if path.is_dir()]
        if len(trees) != 1:
            raise LocalError(f"Debian's source package {SOURCE} was not unpacked as one folder in {self._folder}")
        return trees[0]

    def _go_environment(self) -> dict[str, str]:
        return {
            "PATH": f"{GO}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self._folder),
            "GOCACHE": str(self._folder / "gocache"),
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "GO111MODULE": "off",
            "CGO_ENABLED": "0",
            "GOFLAGS": "",
            "GOLDFLAGS": "-s -w",
            "KUBE_GIT_VERSION_FILE": str(self._version_file()),
        }

    def _version_file(self) -> Path:
        return self._folder / "version"

    def _run(self, command: list[str | Path], *, environment: dict[str, str], cwd: Path | None = None) -> None:
        run(command, timeout=BUILD_SECONDS, cwd=cwd or self._folder, environment=environment, stdin=self._lock)

    def _tell(self, text: str) -> None:
        self._progress(f"[{time.monotonic() - self._started:5.1f} s] {text}")


def version_variables(tag: str) -> str:
    """Write what the build takes for its version. In a file: what lies in the source comes before the environment."""
    major, minor = tag.removeprefix("v").split(".")[:2]
    values = {"COMMIT": "debian", "TREE_STATE": "archive", "VERSION": tag, "MAJOR": major, "MINOR": minor}
    return "".join(f"KUBE_GIT_{name}='{value}'\n" for name, value in values.items())
