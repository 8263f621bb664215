"""Choose the certificate store by `[certificates] cert_manager_type`."""

from pathlib import Path

from magnum.certificates.encryption import Keyring

from .base import CertificateStore, CertificateStoreError
from .database import DatabaseStore, Rows, Transactions
from .local import LocalStore

_CHOICES = "x509keypair (rows of the service's own database, encrypted) and local (files, for one host)"


class UnknownStoreError(CertificateStoreError):
    """No store has the configured name."""


def open_store(
    cert_manager_type: str, *, storage_path: Path, keyring: Keyring, rows: Rows, transactions: Transactions
) -> CertificateStore:
    match cert_manager_type:
        case "x509keypair":
            return DatabaseStore(rows, transactions, keyring)
        case "local":
            return LocalStore(storage_path, keyring)
        case "barbican":
            raise UnknownStoreError(
                "[certificates] cert_manager_type is barbican, which comes in a later release. "
                f"Choices now: {_CHOICES}."
            )
        case other:
            raise UnknownStoreError(f"[certificates] cert_manager_type is '{other}'. Choices: {_CHOICES}.")
