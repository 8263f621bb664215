"""Live servers for stories: `magnum-api` on a database server, one of each kind for a whole session."""

import contextlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import falcon.testing
import msgspec
import pytest
import urllib3
from databases import Servers
from installation import Installation, free_port

from magnum.db.engine import Database, open_database
from magnum.model.clocks import SystemClock
from magnum.openstack.catalogue import Catalogue, load_catalogue


class LiveClient:
    """Speaks to a server as falcon's test client does to an application: the same arguments, the same answers."""

    def __init__(self, url: str, pool: urllib3.PoolManager) -> None:
        self._url = url
        self._pool = pool

    def simulate_request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str],
        query_string: str | None = None,
        params: dict[str, str] | None = None,
        **body: Any,
    ) -> falcon.testing.Result:
        query = query_string or urlencode(params or {})
        url = self._url + quote(path, safe="/%:") + (f"?{query}" if query else "")
        answer = self._pool.request(method, url, headers=headers, **body)
        return falcon.testing.Result([answer.data], f"{answer.status} {answer.reason}", list(answer.headers.items()))


class LiveService:
    def __init__(self, installation: Installation, database: Database) -> None:
        self.database = database
        self._url = installation.url
        self._pool = urllib3.PoolManager(retries=False, timeout=120)

    def new_client(self) -> LiveClient:
        return LiveClient(self._url, self._pool)

    def close(self) -> None:
        self._pool.clear()
        self.database.dispose()


class LiveServers:
    """Live servers by the name of their database server, each started when it is first asked for."""

    def __init__(
        self,
        until: contextlib.ExitStack,
        database_servers: Servers,
        folders: pytest.TempPathFactory,
        *,
        catalogue: Catalogue,
    ) -> None:
        self._until = until
        self._database_servers = database_servers
        self._folders = folders
        self._catalogue = catalogue
        self._running: dict[str, LiveService] = {}

    def __getitem__(self, name: str) -> LiveService:
        if name not in self._running:
            self._running[name] = self._start(name)
        return self._running[name]

    def _start(self, name: str) -> LiveService:
        folder = self._folders.mktemp(f"live-{name}")
        catalogue = write_catalogue(folder / "catalogue.toml", self._catalogue)
        database_url = self._until.enter_context(self._database_servers[name].database())
        options = {"local": {"catalogue": catalogue}}
        installation = Installation(folder, database_url, port=free_port(), options=options)
        self._until.enter_context(installation.api())
        service = LiveService(installation, open_database(database_url, clock=SystemClock()))
        self._until.callback(service.close)
        return service


def write_catalogue(path: Path, catalogue: Catalogue) -> Path:
    """Write TOML. What JSON calls text, numbers and maps, TOML does too, but for the colon of a map."""
    lines = []
    for kind, entries in msgspec.to_builtins(catalogue).items():
        for entry in entries:
            given = {name: value for name, value in entry.items() if value is not None and value != {}}
            lines += [f"[[{kind}]]", *(f"{name} = {json.dumps(value)}" for name, value in given.items())]
    path.write_text("\n".join(lines))
    assert load_catalogue(path) == catalogue
    return path
