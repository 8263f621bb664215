"""The store `local`: bundles as files in a directory, for trying things out on one host.

`<uuid>.crt` is the certificate, `.key` the private key, `.pass` its passphrase and `.int` the intermediates; key and
passphrase are encrypted by the keyring. Files are 0600 from the start and complete or absent. The certificate is
written last and removed first, so a bundle is there exactly when its `.crt` is.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from magnum.certificates.bundle import CertificateBundle
from magnum.certificates.encryption import Keyring, Place
from magnum.certificates.private_files import sync_directory, write_private_file

from .base import CertificateStoreError, check_reference, exists, not_found

LOG = logging.getLogger(__name__)
_TABLE = "local"


class LocalStore:
    def __init__(self, storage_path: Path, keyring: Keyring) -> None:
        self._directory = storage_path
        self._keyring = keyring
        LOG.warning(
            "Certificates are kept in files under %s: no other host can read them, so this works with the conductors "
            "of one host only. Set [certificates] cert_manager_type to x509keypair to keep them in the database.",
            storage_path,
        )

    def put(
        self,
        uuid: str,
        bundle: CertificateBundle,
        *,
        name: str,
        cluster_uuid: str,
        project_id: str | None,
        user_id: str | None,
    ) -> str:
        del name, cluster_uuid, project_id, user_id  # files of one host, seen by its operator alone
        certificate = self._path(uuid, ".crt")
        others = {
            ".key": self._keyring.encrypt(bundle.private_key, _place(uuid, ".key")),
            ".pass": bundle.passphrase and self._keyring.encrypt(bundle.passphrase, _place(uuid, ".pass")),
            ".int": bundle.intermediates,
        }
        with self._storage_errors():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            present = _read(certificate)
            if present is not None:
                if present != bundle.certificate:
                    raise exists(uuid)
                return uuid
            for suffix, text in others.items():
                if text:
                    write_private_file(self._path(uuid, suffix), text.encode(), replace=True)
                else:  # an earlier try that did not end may have left one
                    self._path(uuid, suffix).unlink(missing_ok=True)
            write_private_file(certificate, bundle.certificate.encode(), replace=True)
        return uuid

    def get(self, ref: str) -> CertificateBundle:
        with self._storage_errors():
            certificate = _read(self._path(ref, ".crt"))
            private_key = _read(self._path(ref, ".key"))
            passphrase = _read(self._path(ref, ".pass"))
            intermediates = _read(self._path(ref, ".int"))
        if certificate is None:
            raise not_found(ref)
        if private_key is None:
            raise CertificateStoreError(f"{self._path(ref, '.key')} is missing. Restore it from a backup.")
        return CertificateBundle(
            certificate=certificate,
            private_key=self._keyring.decrypt(private_key, _place(ref, ".key")),
            passphrase=passphrase and self._keyring.decrypt(passphrase, _place(ref, ".pass")),
            intermediates=intermediates,
        )

    def delete(self, ref: str) -> None:
        with self._storage_errors():
            for suffix in (".crt", ".key", ".pass", ".int"):
                self._path(ref, suffix).unlink(missing_ok=True)
            for draft in self._directory.glob(f".{ref}.*"):  # of a put that was killed
                draft.unlink(missing_ok=True)
            if self._directory.exists():
                sync_directory(self._directory)

    def _path(self, ref: str, suffix: str) -> Path:
        """Name the file. A reference is a UUID and nothing else, so it leads to no other directory."""
        return self._directory / (check_reference(ref) + suffix)

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CertificateStoreError(
                f"The certificate store failed at {error.filename or self._directory}: {error.strerror}."
            ) from error


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None


def _place(uuid: str, suffix: str) -> Place:
    return Place(_TABLE, suffix, uuid)
