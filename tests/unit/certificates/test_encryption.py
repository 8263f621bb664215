import base64
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magnum.certificates.encryption import (
    DamagedSecretError,
    EncryptionError,
    KeyFileError,
    Keyring,
    MissingKeyError,
    Place,
    check_canary,
    generate_key_file,
    is_encrypted,
    key_id,
    seal_canary,
)

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = Place("x509keypair", "private_key", "5d12f6fd-a196-4bf0-ae4c-1f639a523a52")
SECRET = "the passphrase"


@given(text=st.text(max_size=200), place=st.builds(Place, st.text(), st.text(), st.text()))
def test_what_was_encrypted_is_decrypted(text, place):
    keyring = Keyring([NEW])
    stored = keyring.encrypt(text, place)
    assert is_encrypted(stored)
    assert keyring.decrypt(stored, place) == text


def test_the_form_is_fixed():
    """Stored for years: a change of one of these bytes is a new version of the format."""
    keyring = Keyring([NEW], randomness=lambda length: b"r" * length)
    assert keyring.encrypt(SECRET, PLACE) == (
        "magnum:1:e60cf8edd1df177a:cnJycnJycnJycnJyiMpi3CCCe3u98vvQxgQ4PdgANWJ9fdDnjMIw07rd"
    )


def test_the_same_secret_twice_is_two_ciphertexts():
    keyring = Keyring([NEW])
    assert keyring.encrypt(SECRET, PLACE) != keyring.encrypt(SECRET, PLACE)


@given(text=st.text().filter(lambda text: not text.startswith("magnum:")))
def test_a_clear_value_of_an_adopted_database_is_read_as_it_is(text):
    assert Keyring([NEW]).decrypt(text, PLACE) == text
    assert Keyring([]).decrypt(text, PLACE) == text


def test_a_key_is_rotated_by_putting_a_new_one_in_front():
    before = Keyring([OLD]).encrypt(SECRET, PLACE)
    both = Keyring([NEW, OLD])
    after = both.encrypt(SECRET, PLACE)
    assert after.split(":")[2] == key_id(NEW)
    assert both.decrypt(before, PLACE) == both.decrypt(after, PLACE) == SECRET
    assert Keyring([OLD, NEW]).decrypt(after, PLACE) == SECRET  # a conductor that comes to know the key earlier


@pytest.mark.parametrize("keys", [[], [NEW]])
def test_a_missing_key_is_named_with_what_to_do(keys):
    stored = Keyring([OLD]).encrypt(SECRET, PLACE)
    with pytest.raises(MissingKeyError, match=f"key {key_id(OLD)}, which is not in encryption_keys") as error:
        Keyring(keys).decrypt(stored, PLACE)
    assert str(PLACE) in str(error.value)
    assert "Put the file with that key back" in str(error.value)


def test_without_a_key_nothing_is_written():
    with pytest.raises(MissingKeyError, match="no key to encrypt it with"):
        Keyring([]).encrypt(SECRET, PLACE)


@pytest.mark.parametrize(
    "other",
    [Place("other", "private_key", PLACE.row), Place("x509keypair", "other", PLACE.row),
     Place("x509keypair", "private_key", "other"), Place("x509keypair", "private_key" + PLACE.row, "")],
)  # fmt: skip
def test_a_secret_does_not_open_in_another_place(other):
    keyring = Keyring([NEW])
    with pytest.raises(DamagedSecretError, match="moved from another place"):
        keyring.decrypt(keyring.encrypt(SECRET, PLACE), other)


@settings(max_examples=200)
@given(data=st.data())
def test_a_changed_ciphertext_never_opens(data):
    keyring = Keyring([NEW, OLD])
    prefix, version, identity, payload = keyring.encrypt(SECRET, PLACE).split(":")
    sealed = bytearray(base64.b64decode(payload))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    cut = sealed[: data.draw(st.integers(0, len(sealed)))]
    with pytest.raises(DamagedSecretError):
        keyring.decrypt(":".join([prefix, version, identity, base64.b64encode(cut).decode()]), PLACE)


def test_another_key_s_name_on_a_ciphertext_does_not_open_it():
    keyring = Keyring([NEW, OLD])
    stored = keyring.encrypt(SECRET, PLACE).replace(key_id(NEW), key_id(OLD))
    with pytest.raises(DamagedSecretError):
        keyring.decrypt(stored, PLACE)


@given(rest=st.text())
def test_whatever_has_our_prefix_and_is_not_ours_is_an_error(rest):
    with pytest.raises(EncryptionError):
        Keyring([NEW]).decrypt("magnum:" + rest, PLACE)


@pytest.mark.parametrize("stored", ["magnum:2:aa:bb", "magnum:10:aa"])
def test_a_later_format_asks_for_the_later_release(stored):
    with pytest.raises(EncryptionError, match="which this release does not know"):
        Keyring([NEW]).decrypt(stored, PLACE)


# Key files


def key_file(path, key=NEW, mode=0o600):
    path.write_bytes(base64.b64encode(key) + b"\n")
    path.chmod(mode)
    return path


def test_a_generated_key_file_is_private_and_usable(tmp_path):
    path = tmp_path / "key"
    generate_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(base64.b64decode(path.read_bytes(), validate=False)) == 32
    keyring = Keyring.load([path])
    assert keyring.decrypt(keyring.encrypt(SECRET, PLACE), PLACE) == SECRET


def test_an_existing_key_file_is_never_overwritten(tmp_path):
    path = key_file(tmp_path / "key", OLD)
    with pytest.raises(FileExistsError):
        generate_key_file(path)
    assert repr(Keyring.load([path])) == f"Keyring({key_id(OLD)})"


def test_two_generated_keys_differ(tmp_path):
    for name in ("one", "two"):
        generate_key_file(tmp_path / name)
    Keyring.load([tmp_path / "one", tmp_path / "two"])  # would refuse the same key twice


def test_keys_keep_the_order_of_the_list(tmp_path):
    paths = [key_file(tmp_path / "new"), key_file(tmp_path / "old", OLD, 0o400)]
    assert repr(Keyring.load(paths)) == f"Keyring({key_id(NEW)}, {key_id(OLD)})"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_key_file_that_others_can_open_is_refused(tmp_path, mode):
    with pytest.raises(KeyFileError, match=f"open to others \\(mode {mode:04o}\\)"):
        Keyring.load([key_file(tmp_path / "key", mode=mode)])


def test_a_key_file_of_somebody_else_is_refused(tmp_path, monkeypatch):
    path = key_file(tmp_path / "key")
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(KeyFileError, match=f"belongs to the user {owner}, not {owner + 1}"):
        Keyring.load([path])


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", NEW, base64.b64encode(NEW[:31]), base64.b64encode(NEW + b"n"), b"!" * 44, b"A" * 5000, b"\xff" * 44],
)
def test_a_key_file_with_other_content_is_refused_without_showing_it(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="wrong content") as error:
        Keyring.load([path])
    assert str(path) in str(error.value)
    assert "nnn" not in str(error.value)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(KeyFileError, match="not a file"):
        Keyring.load([tmp_path / "fifo"])
    with pytest.raises(KeyFileError, match="not a file"):
        Keyring.load([tmp_path])
    with pytest.raises(KeyFileError, match="cannot be read: No such file"):
        Keyring.load([tmp_path / "absent"])


def test_the_same_key_twice_is_refused(tmp_path):
    """Somebody copied a key and believes to have rotated it."""
    with pytest.raises(KeyFileError, match=r"copy holds the same key as .*key\. Remove"):
        Keyring.load([key_file(tmp_path / "key"), key_file(tmp_path / "copy")])


# The canary


def test_the_canary_opens_with_any_key_of_the_list():
    stored = seal_canary(Keyring([OLD]))
    check_canary(Keyring([OLD]), stored)
    check_canary(Keyring([NEW, OLD]), stored)


def test_the_canary_names_the_key_that_is_missing():
    with pytest.raises(MissingKeyError, match=f"key {key_id(OLD)}, which is not in encryption_keys"):
        check_canary(Keyring([NEW]), seal_canary(Keyring([OLD])))


@pytest.mark.parametrize("stored", ["", "clear", "The conductor can open what is encrypted here."])
def test_a_clear_canary_is_no_canary(stored):
    with pytest.raises(DamagedSecretError, match="canary"):
        check_canary(Keyring([NEW]), stored)
