"""Programs of Kubernetes from where its releases are: each with the checksum that lies beside it.

Every wait has an end. What is not whole, or does not have its checksum, is an error and leaves nothing behind that
could be taken for a program.
"""

import hashlib
import platform
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from magnum.drivers.kubernetes.names import PROGRAMS, release_folder
from magnum.drivers.local.errors import LocalError

PATIENCE = 30.0
MOST_BYTES = 1 << 30
_PIECE = 1 << 20


class DownloadError(LocalError):
    """The release cannot be had; the text says from where and why."""


def download(url: str, tag: str, folder: Path, progress: Callable[[str], None]) -> None:
    """Put the programs of a release into a folder."""
    base = release_folder(url, tag, platform.machine())
    if not base.startswith(("https://", "http://")):
        raise DownloadError(f"[kubernetes] release_url is {url!r}, which is no http or https URL")
    for name in PROGRAMS:
        address = f"{base}/{name}"
        expected = _get(f"{address}.sha256", 1024).decode(errors="replace").split()
        progress(f"downloading {address}")
        found = _store(address, folder / name)
        if expected[:1] != [found]:
            raise DownloadError(
                f"{address} has the SHA-256 {found}, but {address}.sha256 says {' '.join(expected[:1]) or 'nothing'}: "
                "it is not used"
            )


def _store(address: str, path: Path) -> str:
    """Write it to a file and give its SHA-256."""
    digest, size = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer, path.open("wb") as file:  # noqa: S310 - checked above
            while piece := answer.read(_PIECE):
                size += len(piece)
                if size > MOST_BYTES:
                    raise DownloadError(f"{address} is larger than {MOST_BYTES} bytes")
                digest.update(piece)
                file.write(piece)
    except (OSError, ValueError) as error:
        raise _failure(address, error) from error
    path.chmod(0o755)
    return digest.hexdigest()


def _get(address: str, most: int) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:  # noqa: S310 - checked above
            content: bytes = answer.read(most)
            return content
    except (OSError, ValueError) as error:
        raise _failure(address, error) from error


def _failure(address: str, error: Exception) -> DownloadError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return DownloadError(f"{address} cannot be downloaded: {reason}")
