"""Crash tests run the same operation hundreds of times; one key for all of them saves most of their time."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa


@pytest.fixture(scope="session")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(autouse=True)
def one_key(monkeypatch, key):
    monkeypatch.setattr("magnum.certificates.authority._new_key", lambda _rules: key)
    monkeypatch.setattr("magnum.certificates.authority.open_private_key", lambda _bundle: key)
