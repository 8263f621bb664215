from contextlib import contextmanager

import pytest

from magnum.certificates.bundle import CertificateBundle
from magnum.certificates.encryption import Keyring
from magnum.certificates.stores.base import CertificateExistsError
from magnum.certificates.stores.database import DatabaseStore

UUID = "3f1c1e0a-8c5e-4a53-9d5c-0c6b1c7f2a11"
BUNDLE = CertificateBundle(certificate="certificate", private_key="key", passphrase="passphrase")


class Rows:
    def __init__(self) -> None:
        self.rows = {}

    def insert(self, _tx, row) -> None:
        self.rows[row.uuid] = row

    def get(self, _tx, uuid):
        return self.rows.get(uuid)

    def delete(self, _tx, uuid) -> None:
        self.rows.pop(uuid, None)


class Transactions:
    """Runs every function twice, as a database does after a conflict; the first run leaves nothing."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.running = False

    @contextmanager
    def _transaction(self):
        self.running = True
        yield
        self.running = False

    def write(self, work):
        before = dict(self.rows.rows)
        with self._transaction():
            work(None)
        self.rows.rows = before
        with self._transaction():
            return work(None)

    read = write


@pytest.fixture
def rows():
    return Rows()


@pytest.fixture
def transactions(rows):
    return Transactions(rows)


def test_a_transaction_that_is_run_again_stores_the_same(rows, transactions):
    store = DatabaseStore(rows, transactions, Keyring([b"k" * 32]))
    assert store.get(store.put(UUID, BUNDLE, name="n", cluster_uuid="c", project_id="p", user_id="u")) == BUNDLE
    assert (rows.rows[UUID].project_id, rows.rows[UUID].user_id) == ("p", "u")


def test_no_cryptography_runs_inside_a_transaction(rows, transactions):
    class Watched(Keyring):
        calls = 0

        def encrypt(self, clear, place):
            assert not transactions.running
            Watched.calls += 1
            return super().encrypt(clear, place)

        def decrypt(self, stored, place):
            assert not transactions.running
            Watched.calls += 1
            return super().decrypt(stored, place)

    store = DatabaseStore(rows, transactions, Watched([b"k" * 32]))
    store.get(store.put(UUID, BUNDLE, name="n", cluster_uuid="c", project_id="p", user_id="u"))
    assert Watched.calls == 4


def test_a_row_of_another_certificate_stays(rows, transactions):
    store = DatabaseStore(rows, transactions, Keyring([b"k" * 32]))
    store.put(UUID, BUNDLE, name="n", cluster_uuid="c", project_id="p", user_id="u")
    first = rows.rows[UUID]
    other = CertificateBundle(certificate="other", private_key="key", passphrase="passphrase")
    with pytest.raises(CertificateExistsError):
        store.put(UUID, other, name="n", cluster_uuid="c", project_id="p", user_id="u")
    assert rows.rows[UUID] is first
