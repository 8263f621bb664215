"""A world per test, and one key for all certificates: making keys would be most of the time of these tests."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from simulation import TurnedClock, World

from magnum.db import instants
from magnum.db.engine import open_database


@pytest.fixture(scope="session")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(autouse=True)
def one_key(monkeypatch, key):
    monkeypatch.setattr("magnum.certificates.authority._new_key", lambda _rules: key)
    monkeypatch.setattr("magnum.certificates.authority.open_private_key", lambda _bundle: key)


@pytest.fixture(scope="session")
def database():
    """One for all tests, each of which finds it empty: to compile the statements anew takes longer than most tests."""
    database = open_database("sqlite://", clock=TurnedClock())
    yield database
    database.dispose()


@pytest.fixture
def world(tmp_path, database):
    clock = database.write(instants.clock)
    clock.elapsed = 0.0
    world = World(tmp_path, clock=clock, database=database)
    yield world
    world.cloud.close()
