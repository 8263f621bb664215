"""No secret shows itself: not in a repr, not in a str, not in an error, not in a log."""

import base64
import logging
import pprint
import traceback

import pytest

from magnum.certificates.authority import open_authority
from magnum.certificates.bundle import CertificateBundle, PrivateKeyError, clear_private_key, open_private_key
from magnum.certificates.encryption import EncryptionError, Keyring, Place, check_canary, seal_canary
from magnum.certificates.stores.database import DatabaseStore
from magnum.certificates.stores.local import LocalStore
from magnum.model.x509keypairs import X509KeyPair

UUID = "3f1c1e0a-8c5e-4a53-9d5c-0c6b1c7f2a11"
PLACE = Place("x509keypair", "private_key", UUID)
KEY = bytes(range(100, 132))


@pytest.fixture(scope="module")
def secrets(authority_bundle):
    """Everything that must never be seen, in every form it could take."""
    lines = authority_bundle.private_key.splitlines()[1:-1]
    clear_lines = clear_private_key(authority_bundle).splitlines()[1:-1]
    number = open_private_key(authority_bundle).private_numbers().d
    forms_of_the_key = [KEY.hex(), base64.b64encode(KEY).decode(), str(KEY), str(list(KEY))]
    return [authority_bundle.passphrase, *lines, *clear_lines, str(number), f"{number:x}", *forms_of_the_key]


def row_of(bundle: CertificateBundle) -> X509KeyPair:
    return X509KeyPair(
        uuid=UUID,
        certificate=bundle.certificate,
        private_key=bundle.private_key,
        private_key_passphrase=bundle.passphrase,
    )


def test_the_check_itself_sees_secrets(secrets, authority_bundle):
    """A test that greps for nothing would be content with everything."""
    shown = authority_bundle.private_key + str(authority_bundle.passphrase) + str(KEY)
    assert sum(secret in shown for secret in secrets) > 20


def test_no_object_shows_a_secret(secrets, authority_bundle, tmp_path):
    keyring = Keyring([KEY])
    objects = [
        authority_bundle,
        row_of(authority_bundle),
        open_authority(authority_bundle),
        keyring,
        LocalStore(tmp_path, keyring),
        DatabaseStore(object(), object(), keyring),
        [authority_bundle, {"bundle": authority_bundle}],
    ]
    for thing in objects:
        shown = "".join([repr(thing), str(thing), f"{thing}", pprint.pformat(thing), _rich(thing)])
        assert not [secret for secret in secrets if secret in shown], type(thing)


def test_no_error_shows_a_secret(secrets, authority_bundle, tmp_path):
    keyring = Keyring([KEY])
    stored = keyring.encrypt(authority_bundle.private_key, PLACE)
    other = Keyring([bytes(32)])
    key_file = tmp_path / "key"
    key_file.write_bytes(base64.b64encode(KEY) + b"x")
    key_file.chmod(0o600)
    wrong = CertificateBundle(certificate="c", private_key=authority_bundle.private_key, passphrase="wrong one")
    damaged = CertificateBundle(
        certificate="c", private_key=authority_bundle.private_key[:-80], passphrase=authority_bundle.passphrase
    )
    attempts = [
        lambda: other.decrypt(stored, PLACE),
        lambda: keyring.decrypt(stored, Place("a", "b", "c")),
        lambda: keyring.decrypt(stored[:-8], PLACE),
        lambda: keyring.decrypt(stored + "!", PLACE),
        lambda: keyring.decrypt(stored.replace(":1:", ":7:"), PLACE),
        lambda: keyring.decrypt(f"magnum:{authority_bundle.passphrase}", PLACE),
        lambda: keyring.decrypt(f"magnum:1:{authority_bundle.passphrase}:{authority_bundle.passphrase}", PLACE),
        lambda: keyring.decrypt(f"magnum:{authority_bundle.passphrase}:{authority_bundle.private_key}", PLACE),
        lambda: Keyring([]).encrypt(authority_bundle.private_key, PLACE),
        lambda: Keyring.load([key_file]),
        lambda: check_canary(other, seal_canary(keyring)),
        lambda: check_canary(keyring, authority_bundle.private_key),
        lambda: open_private_key(wrong),
        lambda: open_private_key(damaged),
    ]
    for attempt in attempts:
        with pytest.raises((EncryptionError, PrivateKeyError)) as caught:
            attempt()
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.args)
        assert not [secret for secret in secrets if secret in shown], shown


def test_no_store_logs_or_leaves_a_secret(secrets, authority_bundle, tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        store = LocalStore(tmp_path, Keyring([KEY]))
        store.put(UUID, authority_bundle, name="n", cluster_uuid="c", project_id=None, user_id=None)
        store.get(UUID)
        left = "".join(path.read_text() for path in tmp_path.iterdir())
        store.delete(UUID)
    assert not [secret for secret in secrets if secret in caplog.text + left]


def _rich(thing: object) -> str:
    """What the `rich` library, which msgspec serves by a method of its own, would show."""
    method = getattr(thing, "__rich_repr__", None)
    return repr(list(method())) if method else ""
