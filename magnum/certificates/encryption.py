"""Encryption of secrets at rest, with keys that lie outside the database.

`encryption_keys` in the configuration is a list of files: the first key encrypts, all of them decrypt, so that a new
key goes in front and the old ones stay as long as anything names them. A ciphertext is text,

    magnum:1:<key id>:<base64 of nonce and AES-256-GCM ciphertext>

and is bound to its place (table, column, row): moved to another place it does not open. A value without the prefix is
a clear one of an adopted database and is read as it is.

Invariant: no error and no repr of this module shows a key or a value. For conductors only.
"""

import base64
import binascii
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .bundle import Randomness
from .private_files import write_private_file

_PREFIX = "magnum:"
_VERSION = "1"
_CIPHERTEXT = re.compile(r"magnum:1:(?P<key>[0-9a-f]{16}):(?P<sealed>[A-Za-z0-9+/]+={0,2})")
_OTHER_VERSION = re.compile(r"magnum:(?!1:)(?P<version>[0-9]{1,3}):")
_KEY_LENGTH = 32
_NONCE_LENGTH = 12
_LONGEST_KEY_FILE = 1024


class EncryptionError(Exception):
    """A secret cannot be encrypted or decrypted; the text says what the operator can do."""


class KeyFileError(EncryptionError):
    """A file of `encryption_keys` cannot be used."""


class MissingKeyError(EncryptionError):
    """The key that is needed is not in `encryption_keys`."""


class DamagedSecretError(EncryptionError):
    """The key is there and the stored text does not open: it was changed, cut, or moved from another place."""


class Place(msgspec.Struct, frozen=True):
    """Where a secret is stored. Part of its encryption."""

    table: str
    column: str
    row: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of {self.row}"


CANARY_PLACE = Place("encryption_canary", "sealed", "1")
_CANARY = "The conductor can open what is encrypted here."


class Keyring:
    """The keys, in the order of `encryption_keys`. Without any it still reads clear values, and refuses to write."""

    def __init__(self, keys: Iterable[bytes], *, randomness: Randomness = secrets.token_bytes) -> None:
        self._ciphers = {key_id(key): AESGCM(key) for key in keys}
        self._randomness = randomness

    @classmethod
    def load(cls, paths: Iterable[Path], *, randomness: Randomness = secrets.token_bytes) -> "Keyring":
        keys: dict[bytes, Path] = {}
        for path in paths:
            key = _read_key_file(path)
            if key in keys:
                raise KeyFileError(
                    f"{path} holds the same key as {keys[key]}. Remove one of them from encryption_keys."
                )
            keys[key] = path
        return cls(keys, randomness=randomness)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._ciphers)})"

    def encrypt(self, clear: str, place: Place) -> str:
        if not self._ciphers:
            raise MissingKeyError(
                f"There is a secret to store ({place}) and no key to encrypt it with. "
                "Make a key file and list it in encryption_keys; see docs/certificates.md."
            )
        identity, cipher = next(iter(self._ciphers.items()))
        nonce = self._randomness(_NONCE_LENGTH)
        sealed = nonce + cipher.encrypt(nonce, clear.encode(), _bound_to(identity, place))
        return f"{_PREFIX}{_VERSION}:{identity}:{base64.b64encode(sealed).decode('ascii')}"

    def decrypt(self, stored: str, place: Place) -> str:
        if not is_encrypted(stored):
            return stored
        identity, sealed = _parse(stored, place)
        cipher = self._ciphers.get(identity)
        if cipher is None:
            raise MissingKeyError(
                f"The secret {place} is encrypted with the key {identity}, which is not in encryption_keys "
                f"(there: {', '.join(self._ciphers) or 'none'}). Put the file with that key back into the list."
            )
        try:
            clear = cipher.decrypt(sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:], _bound_to(identity, place))
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            raise DamagedSecretError(
                f"The secret {place}, encrypted with the key {identity}, does not open: it was changed, cut short, "
                "or moved from another place. Restore it from a backup."
            ) from None
        return clear.decode()


def is_encrypted(stored: str) -> bool:
    return stored.startswith(_PREFIX)


def key_id(key: bytes) -> str:
    """Name a key without telling anything of it."""
    return hashlib.sha256(b"magnum encryption key\0" + key).hexdigest()[:16]


def generate_key_file(path: Path, *, randomness: Randomness = secrets.token_bytes) -> None:
    """Make a file with a new key. Raises `FileExistsError`, and touches nothing, when there is one."""
    write_private_file(path, base64.b64encode(randomness(_KEY_LENGTH)) + b"\n", replace=False)


def seal_canary(keyring: Keyring) -> str:
    """Encrypt a known text, to be kept in the database and tried at every start of a conductor."""
    return keyring.encrypt(_CANARY, CANARY_PLACE)


def check_canary(keyring: Keyring, stored: str) -> None:
    """Raise, naming the key, unless this keyring belongs to the database that the canary is from."""
    if not is_encrypted(stored) or keyring.decrypt(stored, CANARY_PLACE) != _CANARY:
        raise DamagedSecretError(f"The {CANARY_PLACE} is not what was stored there. Restore it from a backup.")


def _parse(stored: str, place: Place) -> tuple[str, bytes]:
    """Take a ciphertext apart. What does not look like one is shown in no error: it may be a secret."""
    ciphertext = _CIPHERTEXT.fullmatch(stored)
    if ciphertext is None:
        other = _OTHER_VERSION.match(stored)
        if other is not None:
            raise EncryptionError(
                f"The secret {place} is encrypted in format {other['version']}, which this release does not know. "
                "Run the release that wrote it, or a newer one."
            )
        raise DamagedSecretError(f"The secret {place} is not a whole ciphertext. Restore it from a backup.")
    try:
        return ciphertext["key"], base64.b64decode(ciphertext["sealed"])
    except binascii.Error:
        raise DamagedSecretError(f"The secret {place} was cut short. Restore it from a backup.") from None


def _bound_to(identity: str, place: Place) -> bytes:
    return msgspec.json.encode([_VERSION, identity, place.table, place.column, place.row])


def _read_key_file(path: Path) -> bytes:
    advice = "A key file holds 32 random bytes in base64, belongs to the user of this service and has mode 0600."
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO must not hold us
    except OSError as error:
        raise KeyFileError(f"The encryption key {path} cannot be read: {error.strerror}. {advice}") from error
    try:
        status = os.fstat(descriptor)
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileError(f"The encryption key {path} is not a file. {advice}")
        if status.st_uid != os.geteuid():
            raise KeyFileError(
                f"The encryption key {path} belongs to the user {status.st_uid}, not {os.geteuid()}. {advice}"
            )
        if mode & 0o077:
            raise KeyFileError(f"The encryption key {path} is open to others (mode {mode:04o}). {advice}")
        text = os.read(descriptor, _LONGEST_KEY_FILE)
    finally:
        os.close(descriptor)
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_LENGTH:
        raise KeyFileError(f"The encryption key {path} has the wrong content. {advice}")
    return key
