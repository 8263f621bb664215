"""The services that clients talk to, and the clients: one of each for all tests of a service, which run in order."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real import VERSIONS, Client, Programs, service


@pytest.fixture(scope="session")
def basic_clouds(tmp_path_factory) -> Iterator[Path]:
    with service(tmp_path_factory.mktemp("basic"), keystone=False) as clouds:
        yield clouds


@pytest.fixture(scope="session")
def keystone_clouds(tmp_path_factory) -> Iterator[Path]:
    with service(tmp_path_factory.mktemp("keystone"), keystone=True) as clouds:
        yield clouds


@pytest.fixture(scope="session", params=["http_basic", "keystone"])
def clouds(request) -> Path:
    """The same people, once in a file of users and once in a real Keystone."""
    return request.getfixturevalue({"http_basic": "basic_clouds", "keystone": "keystone_clouds"}[request.param])


@pytest.fixture(scope="session")
def programs() -> Iterator[Callable[[str], Programs]]:
    """Give the programs of a version, loaded once."""
    loaded: dict[str, Programs] = {}

    def run(version: str) -> Programs:
        if version not in loaded:
            loaded[version] = Programs(version)
        return loaded[version]

    yield run
    for made in loaded.values():
        made.end()


@pytest.fixture(scope="session", params=VERSIONS)
def client(request, programs, clouds) -> Client:
    return Client(programs(request.param), clouds)
