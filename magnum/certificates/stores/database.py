"""The store `x509keypair`: bundles as rows of the service's own database.

The private key and its passphrase are encrypted by the keyring before a row is made of them, and decrypted after it is
read: no cryptography runs inside a transaction, and no clear secret reaches the database. The row's UUID is the
reference.

What runs a transaction and what speaks SQL are handed in: certificates know nothing of the database.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from magnum.certificates.bundle import CertificateBundle
from magnum.certificates.encryption import Keyring, Place
from magnum.model.x509keypairs import X509KeyPair

from .base import check_reference, exists, not_found

_TABLE = "x509keypair"
T = TypeVar("T")


class Rows(Protocol):
    """The queries on the table, as `magnum.db.x509keypairs` has them. What a transaction is, only they know."""

    def insert(self, tx: Any, row: X509KeyPair, /) -> object: ...

    def get(self, tx: Any, uuid: str, /) -> X509KeyPair | None: ...

    def delete(self, tx: Any, uuid: str, /) -> object: ...


class Transactions(Protocol):
    """Runs a function in a transaction, again if need be, and gives what it gives: a `magnum.db.engine.Database`."""

    def read(self, work: Callable[[Any], T], /) -> T: ...

    def write(self, work: Callable[[Any], T], /) -> T: ...


class DatabaseStore:
    def __init__(self, rows: Rows, transactions: Transactions, keyring: Keyring) -> None:
        self._rows = rows
        self._transactions = transactions
        self._keyring = keyring

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
        del name, cluster_uuid  # the table has no columns for them
        row = X509KeyPair(
            uuid=check_reference(uuid),
            certificate=bundle.certificate,
            private_key=self._keyring.encrypt(bundle.private_key, _place(uuid, "private_key")),
            private_key_passphrase=bundle.passphrase
            and self._keyring.encrypt(bundle.passphrase, _place(uuid, "private_key_passphrase")),
            intermediates=bundle.intermediates,
            project_id=project_id,
            user_id=user_id,
        )

        def insert_or_meet(tx: Any) -> None:
            present = self._rows.get(tx, uuid)
            if present is None:
                self._rows.insert(tx, row)
            elif present.certificate != bundle.certificate:
                raise exists(uuid)

        self._transactions.write(insert_or_meet)
        return uuid

    def get(self, ref: str) -> CertificateBundle:
        check_reference(ref)
        row = self._transactions.read(lambda tx: self._rows.get(tx, ref))
        if row is None:
            raise not_found(ref)
        passphrase = row.private_key_passphrase
        return CertificateBundle(
            certificate=row.certificate,
            private_key=self._keyring.decrypt(row.private_key, _place(ref, "private_key")),
            passphrase=passphrase and self._keyring.decrypt(passphrase, _place(ref, "private_key_passphrase")),
            intermediates=row.intermediates,
        )

    def delete(self, ref: str) -> None:
        check_reference(ref)
        self._transactions.write(lambda tx: self._rows.delete(tx, ref))


def _place(uuid: str, column: str) -> Place:
    return Place(_TABLE, column, uuid)
