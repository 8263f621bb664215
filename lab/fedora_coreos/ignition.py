"""Ignition as Fedora CoreOS applies it before a server's first boot, to the disk of a machine of this host.

It is the real program, of Debian's package `ignition`. What it only warns of, as of a key that it does not know, is an
error here: nobody reads a server's log of the time before its boot.
"""

import json
import tempfile
from pathlib import Path

from magnum.certificates.private_files import write_private_file
from magnum.drivers.local.commands import run
from magnum.drivers.local.errors import LocalError

SECONDS = 60.0
APPLY = Path(__file__).with_name("programs") / "apply-ignition"


class IgnitionError(LocalError):
    """The document is not one, or cannot be applied; the text says why."""


def is_document(user_data: str) -> bool:
    """Say whether user data are for Ignition, right or wrong."""
    try:
        return "ignition" in json.loads(user_data)
    except (ValueError, TypeError):
        return False


def check(document: str) -> None:
    """Raise IgnitionError for what Ignition does not take, or takes and does not know."""
    if said := run(["sh", "-c", "ignition-validate - 2>&1 || :"], timeout=SECONDS, stdin=document).strip():
        raise IgnitionError(f"Ignition does not take the user data: {said}")


def apply(document: str, folder: Path) -> None:
    """Apply it to the disk in a machine's folder (see `magnum.drivers.local.folders`), which must be off."""
    check(document)
    with tempfile.TemporaryDirectory(dir=folder, prefix="ignition.") as state:
        write_private_file(Path(state) / "document", document.encode(), replace=False)
        try:
            run(["unshare", "--mount", APPLY, state], timeout=SECONDS, cwd=folder)
        except LocalError as error:
            raise IgnitionError(f"Ignition does not apply the user data: {error}") from error
