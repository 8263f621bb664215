"""A real Keystone on loopback, run by the Python of its own environment.

    keystone_process.py prepare FOLDER                  makes the database, the keys, and the people below
    keystone_process.py serve FOLDER PORT MAGNUM_URL    says "is ready" when it listens

To prepare takes most of a minute on a slow host; the folder can be copied, before it is served.
"""

import contextlib
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

PASSWORD = "secret"
PROJECTS = ("fishers", "others", "service")
PEOPLE = {
    "amy": {"fishers": ["member"]},
    "max": {"fishers": ["manager"]},
    "rita": {"fishers": ["reader"]},
    "eve": {"others": ["member"]},
    "magnum": {"service": ["service"]},
}
"""Roles by project, by user. Besides them there is `admin`, of the project `admin`, the domain and the whole system."""
TRUSTEES = "trustees"
"""The domain of the users that clusters of earlier releases have of their own."""
NOWHERE = "http://127.0.0.1/"
INTERFACES = ("public", "internal", "admin")

CONFIGURATION = """
[database]
connection = sqlite:///{folder}/keystone.sqlite
[token]
provider = fernet
[fernet_tokens]
key_repository = {folder}/keys
[fernet_receipts]
key_repository = {folder}/keys
[credential]
key_repository = {folder}/keys
[identity]
password_hash_rounds = 4
[cache]
enabled = true
backend = dogpile.cache.memory
"""


def make_database(folder: Path) -> None:
    """Do what the guides say: keys, tables, the first administrator."""
    manage = [Path(sys.executable).with_name("keystone-manage"), "--config-file", folder / "keystone.conf"]
    addresses = [f"--bootstrap-{interface}-url={NOWHERE}" for interface in INTERFACES]
    bootstrap = ["bootstrap", f"--bootstrap-password={PASSWORD}", "--bootstrap-region-id=RegionOne", *addresses]
    (folder / "keys").mkdir(mode=0o700)
    owner = ["--keystone-user", str(os.getuid()), "--keystone-group", str(os.getgid())]
    for command in (["fernet_setup", *owner], ["db_sync"], bootstrap):
        subprocess.run([*manage, *command], check=True, capture_output=True)
    with contextlib.closing(sqlite3.connect(folder / "keystone.sqlite")) as database:
        database.execute("PRAGMA journal_mode = WAL")  # or a request that reads is in the way of one that writes


class Administrator:
    """Asks the application itself for what the tests need: no socket, the same code."""

    def __init__(self, application: Any) -> None:
        from werkzeug.test import Client

        self.client = Client(application)
        self.headers: dict[str, str] = {}
        user = {"name": "admin", "domain": {"id": "default"}, "password": PASSWORD}
        project = {"name": "admin", "domain": {"id": "default"}}
        identity = {"methods": ["password"], "password": {"user": user}}
        self.headers["X-Auth-Token"] = self.ask(
            "POST", "auth/tokens", {"auth": {"identity": identity, "scope": {"project": project}}}
        ).headers["X-Subject-Token"]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.client.open(f"/v3/{path}", method=method, json=body, headers=self.headers)
        if answer.status_code >= 400:
            raise SystemExit(f"Keystone answers {answer.status_code} to {method} {path}: {answer.text}")
        return answer

    def make(self, kind: str, **attributes: Any) -> str:
        made: str = self.ask("POST", f"{kind}s", {kind: attributes}).json[kind]["id"]
        return made

    def make_everything(self) -> None:
        roles = {role["name"]: role["id"] for role in self.ask("GET", "roles").json["roles"]}
        projects = {name: self.make("project", name=name, domain_id="default") for name in PROJECTS}
        for name, granted in PEOPLE.items():
            user = self.make("user", name=name, password=PASSWORD, domain_id="default")
            for project, names in granted.items():
                for role in names:
                    self.ask("PUT", f"projects/{projects[project]}/users/{user}/roles/{roles[role]}")
        [admin] = self.ask("GET", "users?name=admin").json["users"]
        self.ask("PUT", f"domains/default/users/{admin['id']}/roles/{roles['admin']}")
        self.make("domain", name=TRUSTEES)
        service = self.make("service", type="container-infra", name="magnum")
        for interface in INTERFACES:
            self.make("endpoint", service_id=service, interface=interface, url=NOWHERE, region_id="RegionOne")


def load(folder: Path) -> Any:
    """Give the WSGI application; it reads its configuration when it is imported."""
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = str(folder / "keystone.conf")
    from keystone.server.wsgi import initialize_public_application

    logging.disable(logging.WARNING)
    return initialize_public_application()


def prepare(folder: Path) -> None:
    (folder / "keystone.conf").write_text(CONFIGURATION.format(folder=folder))
    make_database(folder)
    Administrator(load(folder)).make_everything()


def serve(folder: Path, port: int, magnum_url: str) -> None:
    from cheroot import wsgi

    (folder / "keystone.conf").write_text(CONFIGURATION.format(folder=folder))
    addresses = {"identity": f"http://127.0.0.1:{port}/v3", "container-infra": magnum_url}
    with contextlib.closing(sqlite3.connect(folder / "keystone.sqlite", isolation_level=None)) as database:
        change = "UPDATE endpoint SET url = ? WHERE service_id IN (SELECT id FROM service WHERE type = ?)"
        database.executemany(change, [(url, kind) for kind, url in addresses.items()])
    server = wsgi.Server(("127.0.0.1", port), load(folder), numthreads=4)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.stop).start())
    server.prepare()
    sys.stdout.write("Keystone is ready\n")
    sys.stdout.flush()
    server.serve()


def main() -> None:
    action, folder, *more = sys.argv[1:]
    del sys.argv[1:]  # Keystone reads them, too
    if action == "prepare":
        prepare(Path(folder).absolute())
    else:
        serve(Path(folder).absolute(), int(more[0]), more[1])


if __name__ == "__main__":
    main()
