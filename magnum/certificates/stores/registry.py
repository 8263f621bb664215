"""Choose the certificate store by `[certificates] cert_manager_type`.

What speaks with Barbican is loaded only where it is chosen.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from magnum.certificates.encryption import Keyring

from .base import CertificateStore, CertificateStoreError
from .database import DatabaseStore, Rows, Transactions
from .local import LocalStore

if TYPE_CHECKING:
    from magnum.openstack.clouds import Clouds

_CHOICES = (
    "barbican (secrets of the service user there, encrypted), x509keypair (rows of the service's own database, "
    "encrypted) and local (files, for one host)"
)


class UnknownStoreError(CertificateStoreError):
    """No store has the configured name."""


def open_store(
    cert_manager_type: str,
    *,
    storage_path: Path,
    keyring: Keyring,
    rows: Rows,
    transactions: Transactions,
    clouds: "Clouds | None",
) -> CertificateStore:
    match cert_manager_type:
        case "x509keypair":
            return DatabaseStore(rows, transactions, keyring)
        case "local":
            return LocalStore(storage_path, keyring)
        case "barbican" if clouds is None:
            raise UnknownStoreError(
                "[certificates] cert_manager_type is barbican, and [keystone_authtoken] names nobody to store secrets "
                f"as. Choices: {_CHOICES}."
            )
        case "barbican":
            barbican = importlib.import_module(".barbican", __package__)
            store: CertificateStore = barbican.BarbicanStore(clouds, keyring)
            return store
        case other:
            raise UnknownStoreError(f"[certificates] cert_manager_type is '{other}'. Choices: {_CHOICES}.")
