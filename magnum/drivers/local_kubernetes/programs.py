"""The programs of Kubernetes for this host's machines: found, else downloaded, else built; each version once.

In this order: the operator's own (`[kubernetes] binaries_dir`), the cache, the address of releases (`[kubernetes]
release_url`; checksums are verified), and, for the version whose source Debian has, a build (`source_build`). In the
cache a version is complete or absent: it is made in a folder beside and renamed; two who make one wait for each other.

`python -m magnum.drivers.local_kubernetes.programs` makes the default version, and those named as arguments.
"""

import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from magnum.certificates.private_files import sync_directory
from magnum.drivers.kubernetes.names import DEFAULT_TAG, PROGRAMS, RELEASE_URL
from magnum.drivers.local import locks
from magnum.drivers.local.commands import run
from magnum.drivers.local.errors import LocalError
from magnum.drivers.local.settings import default_cache_dir
from magnum.nodes.kubernetes.versions import Version

from . import source_build
from .download import DownloadError, download

WAIT_SECONDS = 3600.0
ASK_SECONDS = 10.0

Progress = Callable[[str], None]


class ProgramsMissingError(LocalError):
    """There are none of this version, and none could be had."""


class ProgramsSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where programs come from."""

    cache_dir: Path
    binaries_dir: Path | None = None
    release_url: str = RELEASE_URL

    def cached(self, tag: str) -> Path:
        return self.cache_dir / "kubernetes" / f"{tag}-{platform.machine()}"

    def find(self, tag: str) -> Path | None:
        """Give the folder with the programs of this version, if it is on this host.

        What the operator has put there for this version is used or complained of, never passed over.
        """
        if self.binaries_dir is not None:
            if (named := self.binaries_dir / tag).is_dir():
                _expect_all(named, tag)
                return named
            if _complete(self.binaries_dir) and _is_version(self.binaries_dir, tag):
                return self.binaries_dir
        return self.cached(tag) if self.cached(tag).is_dir() else None

    def fetch(self, tag: str, progress: Progress) -> Path:
        """Find them, else download them."""
        return self.find(tag) or self._make(tag, progress, lambda folder: self._download(tag, folder, progress))

    def ensure(self, tags: tuple[str, ...], progress: Progress) -> list[Path]:
        """Find the programs of each version, else download, else build them."""
        missing = [tag for tag in tags if self.find(tag) is None]
        for tag in missing:
            try:
                self.fetch(tag, progress)
            except DownloadError as error:
                progress(str(error))
        unreachable = [tag for tag in missing if self.find(tag) is None]
        if unreachable:
            self._build(unreachable, progress)
        return [self._expect(tag) for tag in tags]

    def _expect(self, tag: str) -> Path:
        folder = self.find(tag)
        if folder is None:
            raise ProgramsMissingError(f"there are no programs of Kubernetes {tag} on this host")
        return folder

    def _download(self, tag: str, folder: Path, progress: Progress) -> None:
        download(self.release_url, tag, folder, progress)

    def _make(self, tag: str, progress: Progress, make: Callable[[Path], None]) -> Path:
        """Have a folder filled and then given the name under which it is found."""
        final = self.cached(tag)
        lock = final.with_name(final.name + ".lock")
        with locks.exclusive(
            lock, timeout=WAIT_SECONDS, waiting=lambda: progress(f"waiting for another process that makes {final}")
        ):
            if final.is_dir():
                return final
            partial = final.with_name(final.name + ".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            try:
                make(partial)
            except BaseException:
                shutil.rmtree(partial)
                raise
            run(["sync", "--file-system", partial], timeout=WAIT_SECONDS)
            partial.rename(final)
            sync_directory(final.parent)
        return final

    def _build(self, tags: list[str], progress: Progress) -> None:
        """Build all of them out of one tree, which is the same source with another version's name in it."""
        folder = self.cache_dir / "kubernetes" / "build"
        with locks.exclusive(
            folder.with_name("build.lock"),
            timeout=WAIT_SECONDS,
            waiting=lambda: progress("waiting for another process that builds Kubernetes"),
        ) as lock:
            missing = [tag for tag in tags if self.find(tag) is None]
            if not missing:
                return
            build = source_build.SourceBuild(folder, progress, lock)
            try:
                build.prepare()
                for tag in missing:
                    built = build.programs(tag)
                    if not _is_version(built, tag):
                        raise ProgramsMissingError(f"what was built from source says that it is not Kubernetes {tag}")
                    self._make(tag, progress, lambda target, built=built: _copy(built, target))  # type: ignore[misc]
            finally:
                shutil.rmtree(folder, ignore_errors=True)


def _copy(built: Path, target: Path) -> None:
    for name in PROGRAMS:
        shutil.copy(built / name, target / name)


def _expect_all(folder: Path, tag: str) -> None:
    if missing := [name for name in PROGRAMS if not (folder / name).is_file()]:
        raise ProgramsMissingError(f"{folder} has no {', '.join(missing)}")
    if not _is_version(folder, tag):
        raise ProgramsMissingError(f"{folder}/kubelet says that it is not {tag}")


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in PROGRAMS)


def _is_version(folder: Path, tag: str) -> bool:
    return run([folder / "kubelet", "--version"], timeout=ASK_SECONDS).split()[-1:] == [tag]


def main() -> int:
    try:
        tags = tuple(Version.parse(tag).tag for tag in sys.argv[1:]) or (DEFAULT_TAG,)
        for folder in ProgramsSource(cache_dir=default_cache_dir()).ensure(tags, lambda text: print(text, flush=True)):  # noqa: T201 - its purpose
            print(folder)  # noqa: T201
    except (LocalError, ValueError) as error:
        print(f"The programs of Kubernetes could not be had: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
