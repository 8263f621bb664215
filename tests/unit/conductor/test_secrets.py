"""A conductor that cannot open, or could not write, the secrets of its database does not start."""

import pytest
from simulation import KEYRING

from magnum.certificates.encryption import DamagedSecretError, Keyring, MissingKeyError, key_id
from magnum.certificates.stores.base import CertificateStoreError
from magnum.conductor.secrets import check_keys, store_failures
from magnum.db import canary
from magnum.model.failures import Code, Fatal, Retry


def test_a_fresh_database_gets_a_canary_that_every_start_opens(world):
    check_keys(world.database, KEYRING)
    sealed = world.database.read(canary.get)
    assert sealed.startswith("magnum:1:")
    check_keys(world.database, KEYRING)
    assert world.database.read(canary.get) == sealed


def test_a_key_that_was_replaced_must_stay_in_the_list(world):
    check_keys(world.database, KEYRING)
    check_keys(world.database, Keyring([b"n" * 32, b"k" * 32]))
    with pytest.raises(MissingKeyError, match=key_id(b"k" * 32)):
        check_keys(world.database, Keyring([b"n" * 32]))


def test_without_any_key_it_refuses_and_says_what_to_do(world):
    with pytest.raises(MissingKeyError, match="list it in encryption_keys"):
        check_keys(world.database, Keyring([]))
    assert world.database.read(canary.get) is None


def test_without_any_key_it_refuses_a_database_that_has_secrets(world):
    check_keys(world.database, KEYRING)
    with pytest.raises(MissingKeyError, match=key_id(b"k" * 32)):
        check_keys(world.database, Keyring([]))


def test_of_two_that_start_at_once_the_first_ones_canary_stays(world, monkeypatch):
    other = Keyring([b"o" * 32])
    real, reads = canary.get, []

    def absent_once(tx):
        reads.append(tx)
        return None if len(reads) == 1 else real(tx)

    check_keys(world.database, other)
    monkeypatch.setattr(canary, "get", absent_once)
    with pytest.raises(MissingKeyError, match=key_id(b"o" * 32)):
        check_keys(world.database, KEYRING)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(CertificateStoreError("disk full"), Retry), (DamagedSecretError("damaged"), Fatal)],
)
def test_what_the_store_raises_is_a_failure_of_the_step(error, kind):
    with pytest.raises(kind) as failure, store_failures("store the CA"):
        raise error
    assert failure.value.code is Code.SECRET_STORE
    assert failure.value.text == f"Could not store the CA: {error}"
