"""auth_strategy = http_basic: a name and a password, checked against the user file.

bcrypt is slow on purpose, so a password that fitted is remembered for five minutes, as an HMAC under a key that only
this process has: over the name, the password and the state of the file, so a change of the file forgets everything. One
verification runs at a time and few wait, which bounds what a flood of wrong passwords can cost. A name that is not
there costs as much as one that is.

Clients that can send a token and nothing else, such as the old `magnum` command, send `name:password` as the token.
"""

import base64
import binascii
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bcrypt

from magnum.core.errors import TooManyRequests, Unauthenticated
from magnum.model.clocks import Clock
from magnum.model.requesters import Requester

from .users import Generation, User, UserFile

WAITING = 8
REMEMBERED_SECONDS = 300.0
REMEMBERED_ENTRIES = 1000
_LONGEST_PASSWORD = 72  # bytes; bcrypt takes no notice of the rest
_LONGEST_HEADER = 1024
_REFUSED = "The user name or the password is wrong, or not given."


class BasicAuthentication:
    challenge = 'Basic realm="magnum", charset="UTF-8"'

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._file = UserFile(path)
        self._remembered = Remembered(clock)
        self._places = threading.BoundedSemaphore(1 + WAITING)
        self._turn = threading.Lock()

    def projects(self, environ: Mapping[str, Any]) -> None:
        """There is no identity service to ask."""

    def cloud(self, environ: Mapping[str, Any]) -> None:
        """There is no cloud."""

    def authenticate(self, environ: Mapping[str, Any]) -> Requester:
        if "HTTP_AUTHORIZATION" in environ:
            name, password = _read_header(environ["HTTP_AUTHORIZATION"])
        else:
            name, password = _read_token(environ.get("HTTP_X_AUTH_TOKEN"))
        users = self._file.users()
        user = users.by_name.get(name)
        digest = self._remembered.digest(users.generation, name, password)
        if not self._remembered.has(digest):
            self._verify(user, users.nobody, digest, password)
        if user is None:
            raise Unauthenticated(_REFUSED)
        return user.requester

    def _verify(self, user: User | None, nobody: bytes, digest: bytes, password: bytes) -> None:
        if not self._places.acquire(blocking=False):
            raise TooManyRequests("Too many passwords are being verified. Try again shortly.")
        try:
            with self._turn:
                if self._remembered.has(digest):  # somebody with the same password was before us
                    return
                fits = bcrypt.checkpw(password, nobody if user is None else user.password_hash)
        except ValueError:  # a password that bcrypt does not take, such as one with a NUL
            fits = False
        finally:
            self._places.release()
        if user is None or not fits:
            raise Unauthenticated(_REFUSED)
        self._remembered.add(digest)


class Remembered:
    """Digests of what has been verified, the oldest of too many forgotten. Safe for threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def digest(self, generation: Generation, name: str, password: bytes) -> bytes:
        parts = [repr(generation).encode(), name.encode(), password]
        framed = b"".join(len(part).to_bytes(4) + part for part in parts)
        return hmac.digest(self._key, framed, "sha256")

    def has(self, digest: bytes) -> bool:
        with self._lock:
            return self._until.get(digest, -1.0) > self._clock.monotonic()

    def add(self, digest: bytes) -> None:
        with self._lock:
            self._until[digest] = self._clock.monotonic() + REMEMBERED_SECONDS
            self._until.move_to_end(digest)
            while len(self._until) > REMEMBERED_ENTRIES:
                self._until.popitem(last=False)


def _read_header(header: object) -> tuple[str, bytes]:
    scheme, _, encoded = str(header or "").partition(" ")
    try:
        if scheme.lower() != "basic" or len(encoded) > _LONGEST_HEADER:
            raise Unauthenticated(_REFUSED)
        return _split(base64.b64decode(encoded.strip(), validate=True))
    except binascii.Error:
        raise Unauthenticated(_REFUSED) from None


def _read_token(token: object) -> tuple[str, bytes]:
    text = str(token or "")
    if len(text) > _LONGEST_HEADER:
        raise Unauthenticated(_REFUSED)
    return _split(text.encode("latin-1", "replace"))  # WSGI hands over bytes as if they were latin-1


def _split(credentials: bytes) -> tuple[str, bytes]:
    name, colon, password = credentials.partition(b":")
    try:
        if not colon or len(password) > _LONGEST_PASSWORD:
            raise Unauthenticated(_REFUSED)
        return name.decode(), password
    except UnicodeDecodeError:
        raise Unauthenticated(_REFUSED) from None
