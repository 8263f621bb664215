"""The state directory: all that a standalone service keeps, and the one lock that says who runs on it.

What is missing is made: an encryption key, a user with a random password, `magnum.conf`, `clouds.yaml`. What is there
is kept, so an operator's changes of `magnum.conf` stay. The directory is 0700, every secret in it 0600 from its first
moment. The password is in `clouds.yaml` and, as a bcrypt hash, in `htpasswd`, and nowhere else.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bcrypt
import yaml

from magnum.certificates.encryption import generate_key_file
from magnum.certificates.private_files import write_private_file
from magnum.conf.settings import SettingsError

CLOUD = "magnum"
USER = "admin"
PROJECT = "default"
ROLES = "admin,member,reader"
_LOOKS = 100
_BETWEEN_LOOKS = 0.01


class AlreadyRunningError(SettingsError):
    """Another process holds the directory."""


class StateDirectory:
    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.configuration = self.path / "magnum.conf"
        self.clouds = self.path / "clouds.yaml"
        self.users = self.path / "htpasswd"
        self.encryption_key = self.path / "encryption.key"
        self.node_listener = self.path / "node-listener.pem"
        self.log = self.path / "magnum.log"
        self._lock = self.path / "lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only process on this directory. Raises AlreadyRunningError. A crash lets go of it too."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(
                    f"The service of {self.path} is running already, as process {self._written_pid()}."
                ) from None
            os.truncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
            yield
        finally:
            os.close(descriptor)

    def holder(self) -> int | None:
        """Give the process that runs on this directory, if any."""
        for _ in range(_LOOKS):
            if self._is_free():
                return None
            # Whoever has just taken the lock may not have written its number yet over that of its predecessor.
            process = self._written_pid()
            if process and self._is_open_in(process):
                return process
            time.sleep(_BETWEEN_LOOKS)
        raise SettingsError(f"{self._lock} is held by a process that cannot be seen from here.")

    def prepare(self, *, host: str, port: int) -> None:
        """Make what is missing. To be called while the directory is held."""
        if not self.encryption_key.exists():
            generate_key_file(self.encryption_key)
        if not self.configuration.exists():
            write_private_file(self.configuration, self._new_configuration(host, port).encode(), replace=False)
        if not (self.users.exists() and self.clouds.exists()):
            self._give_a_password()

    def announce(self, url: str) -> None:
        """Let `clouds.yaml` say where the API is."""
        clouds = yaml.safe_load(self.clouds.read_text())
        auth = clouds["clouds"][CLOUD]["auth"]
        if auth.get("endpoint") != url:
            auth["endpoint"] = url
            self._write_clouds(clouds)

    def _is_free(self) -> bool:
        try:
            with self._lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return True
        except BlockingIOError:
            return False
        return True

    def _written_pid(self) -> int:
        return int(self._lock.read_text().strip() or 0)

    def _is_open_in(self, process: int) -> bool:
        try:
            return any(entry.readlink() == self._lock for entry in Path(f"/proc/{process}/fd").iterdir())
        except FileNotFoundError:
            return False

    def _give_a_password(self) -> None:
        """Make a new password for our user; other users in the file stay."""
        password = secrets.token_urlsafe(24)
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=10)).decode()
        lines = self.users.read_text().splitlines() if self.users.exists() else []
        others = [line for line in lines if not line.startswith(f"{USER}:")]
        text = "\n".join([f"{USER}:{hashed}:{PROJECT}:{ROLES}", *others, ""])
        write_private_file(self.users, text.encode(), replace=True)
        auth = {"username": USER, "password": password}
        self._write_clouds({"clouds": {CLOUD: {"auth_type": "http_basic", "auth": auth}}})

    def _write_clouds(self, clouds: dict[str, Any]) -> None:
        text = "# For the openstack command: export OS_CLIENT_CONFIG_FILE=<this file> OS_CLOUD=magnum\n"
        write_private_file(self.clouds, (text + yaml.safe_dump(clouds, sort_keys=False)).encode(), replace=True)

    def _new_configuration(self, host: str, port: int) -> str:
        return f"""\
# Made by magnum-standalone; it is yours now and will not be overwritten.
[DEFAULT]
state_path = {self.path}
log_file = {self.log}
auth_strategy = http_basic
http_basic_auth_user_file = {self.users}

[api]
host = {host}
port = {port}

[certificates]
cert_manager_type = x509keypair
encryption_keys = {self.encryption_key}
"""
