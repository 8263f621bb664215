"""A world per test, and one key for all certificates: making keys would be most of the time of these tests."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from simulation import World


@pytest.fixture(scope="session")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(autouse=True)
def one_key(monkeypatch, key):
    monkeypatch.setattr("magnum.certificates.authority._new_key", lambda _rules: key)
    monkeypatch.setattr("magnum.certificates.authority.open_private_key", lambda _bundle: key)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()
