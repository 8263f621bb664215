"""[certificates]: where private keys are kept, and what they are encrypted with."""

from pathlib import Path
from typing import Annotated

import msgspec

from .options import Option


class Certificates(msgspec.Struct, frozen=True, kw_only=True):
    cert_manager_type: Annotated[
        str, Option("Store of keys and certificates: barbican, x509keypair (the database) or local (files; for tests).")
    ] = "barbican"
    storage_path: Annotated[Path, Option("Directory of the local store.")] = Path("/var/lib/magnum/certificates/")
    encryption_keys: Annotated[
        tuple[Path, ...],
        Option(
            "Files with the keys that secrets in the database are encrypted with. The first encrypts, all of them "
            "decrypt. Only conductors need to read them."
        ),
    ] = ()
