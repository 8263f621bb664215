"""Files that hold secrets: 0600 from the first moment, complete or absent, and still there after a power cut."""

import contextlib
import os
import secrets
from pathlib import Path


def write_private_file(path: Path, content: bytes, *, replace: bool) -> None:
    """Write all or nothing. Without `replace` an existing file makes it a `FileExistsError` and stays as it is."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            os.link(draft, path)  # fails where a rename would replace
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make names that came, went or changed in this directory outlast a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
