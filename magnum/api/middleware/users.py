"""The user file of `auth_strategy = http_basic`: one user a line.

    name:bcrypt hash[:project[:role,role]]

A line of `htpasswd -B` works as it is: the project is then called like the user, and the roles are member and reader.
Empty lines and lines that start with # are skipped; a line that cannot be read is left out, and the log has its number,
not its text. The file is read again when it changes, so that a user who is removed is out at once.
"""

import logging
import os
import re
import threading
from pathlib import Path

import msgspec

from magnum.conf.settings import SettingsError
from magnum.core.errors import Unavailable
from magnum.model.requesters import Requester
from magnum.model.roles import with_implied

LOG = logging.getLogger(__name__)
_HASH = re.compile(r"\$2[aby]\$(?P<cost>0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}", re.ASCII)
_MOST_BYTES = 4 * 1024 * 1024
_DEFAULT_COST = 12
_DEFAULT_ROLES = "member"

Generation = tuple[int, int, int, int]


class User(msgspec.Struct, frozen=True):
    """One user; the hash is never shown."""

    requester: Requester
    password_hash: bytes

    def __repr__(self) -> str:
        return f"User({self.requester.user_id!r}, …)"


class Users(msgspec.Struct, frozen=True):
    """The file as it was at one moment. `nobody` is a hash that no password fits, as costly as the users' own."""

    generation: Generation
    by_name: dict[str, User]
    nobody: bytes


class UserFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._users = read_users(path)
        except OSError as error:
            raise SettingsError(
                f"The user file {path}, [DEFAULT] http_basic_auth_user_file, cannot be read: {error.strerror}. "
                "Make one with: htpasswd -nbBC 12 NAME PASSWORD"
            ) from None

    def users(self) -> Users:
        """Give the users of the file as it is now."""
        try:
            if _generation(self._path.stat()) != self._users.generation:
                with self._lock:
                    if _generation(self._path.stat()) != self._users.generation:
                        self._users = read_users(self._path)
        except OSError as error:
            LOG.exception("The user file %s cannot be read, so nobody gets in.", self._path)
            raise Unavailable("The user file cannot be read. Tell the operator.") from error
        return self._users


def read_users(path: Path) -> Users:
    with path.open("rb") as file:
        generation = _generation(os.fstat(file.fileno()))
        lines = file.read(_MOST_BYTES).decode("utf-8", "replace").splitlines()
    by_name = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        user = _read_user(line)
        if user is None:
            LOG.error("Line %d of the user file %s is not 'name:bcrypt hash[:project[:roles]]'.", number, path)
        else:
            by_name[user.requester.user_id or ""] = user
    return Users(generation, by_name, _hash_of_nobody(by_name))


def _read_user(line: str) -> User | None:
    name, password_hash, project, roles, *rest = [*line.strip().split(":"), *[""] * 4][:5]
    if not name or not _HASH.fullmatch(password_hash) or any(rest):
        return None
    requester = Requester(
        user_id=name,
        user_name=name,
        project_id=project or name,
        project_name=project or name,
        roles=with_implied(role.strip() for role in (roles or _DEFAULT_ROLES).split(",") if role.strip()),
    )
    return User(requester, password_hash.encode())


def _hash_of_nobody(by_name: dict[str, User]) -> bytes:
    costs = [int(match["cost"]) for user in by_name.values() if (match := _HASH.match(user.password_hash.decode()))]
    return f"$2b${max(costs, default=_DEFAULT_COST):02d}${'.' * 53}".encode()


def _generation(status: os.stat_result) -> Generation:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
