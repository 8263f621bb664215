"""Which programs a release of Kubernetes has, and their digests, as its address of releases tells them.

Servers fetch the programs themselves; a conductor reads no more than the digests, and each release's once. They are
read in parallel and with little patience: a step of a driver waits for them.
"""

import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from magnum.nodes.kubernetes.releases import PROGRAMS, Program, Release

ARCHITECTURES = ("amd64", "arm64")
PATIENCE = 10.0
_LONGEST = 1024


class ReleaseError(Exception):
    """The release cannot be used; the text says what could not be had from where, and why."""


class Releases:
    """The releases at one address, for all drivers and threads of a process."""

    def __init__(self, url: str, architectures: Sequence[str] = ARCHITECTURES) -> None:
        self._url = url.rstrip("/")
        self._architectures = architectures
        self._known: dict[str, Release] = {}
        self._reading = threading.Lock()

    def read(self, tag: str) -> Release:
        """Leave out an architecture that the release does not have at all."""
        with self._reading:
            if tag not in self._known:
                self._known[tag] = self._read(tag)
            return self._known[tag]

    def _read(self, tag: str) -> Release:
        folder = f"{self._url}/{tag}/bin/linux"
        if not folder.startswith(("https://", "http://")):
            raise ReleaseError(f"[kubernetes] release_url is {self._url!r}, which is no http or https URL")
        wanted = [(architecture, name) for architecture in self._architectures for name in PROGRAMS]
        with ThreadPoolExecutor(len(wanted)) as pool:
            digests = list(pool.map(lambda one: _digest(f"{folder}/{one[0]}/{one[1]}.sha256"), wanted))
        lines = [(*program, digest) for program, digest in zip(wanted, digests, strict=True)]
        there = {architecture for architecture, _, digest in lines if digest}
        programs = [self._program(folder, *line) for line in lines if line[0] in there]
        if not programs:
            raise ReleaseError(f"{folder} has no programs of Kubernetes for {' or '.join(self._architectures)}")
        return Release(folder, tuple(programs))

    def _program(self, folder: str, architecture: str, name: str, digest: str | None) -> Program:
        if digest is None:
            raise ReleaseError(f"{folder}/{architecture} has no {name}.sha256, though it has other programs")
        try:
            return Program(architecture, name, digest)
        except ValueError:
            raise ReleaseError(f"{folder}/{architecture}/{name}.sha256 holds no SHA-256") from None


def _digest(address: str) -> str | None:
    """Give what is said to be the digest, or None when there is no such program."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:  # noqa: S310 - http or https
            content: bytes = answer.read(_LONGEST)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404:
                return None
        raise ReleaseError(f"{address} cannot be read: {error}") from error
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ReleaseError(f"{address} cannot be read: {reason}") from error
    return next(iter(content.decode(errors="replace").split()), "")
