import logging

import pytest

from magnum.certificates.bundle import CertificateBundle
from magnum.certificates.encryption import Keyring
from magnum.certificates.stores import local
from magnum.certificates.stores.base import CertificateNotFoundError, CertificateStoreError
from magnum.certificates.stores.local import LocalStore

UUID = "3f1c1e0a-8c5e-4a53-9d5c-0c6b1c7f2a11"
OWNER = {"name": "seafood", "cluster_uuid": "c", "project_id": "project-1", "user_id": "user-1"}
BUNDLE = CertificateBundle(certificate="certificate", private_key="key", passphrase="passphrase", intermediates="more")


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "deep" / "certificates"


@pytest.fixture
def store(directory):
    return LocalStore(directory, Keyring([b"k" * 32]))


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


def test_the_files_are_private_and_named_after_the_reference(store, directory):
    store.put(UUID, BUNDLE, **OWNER)
    assert names_in(directory) == [f"{UUID}{suffix}" for suffix in (".crt", ".int", ".key", ".pass")]
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert directory.stat().st_mode & 0o777 == 0o700


def test_the_limit_of_one_host_is_told(directory, caplog):
    with caplog.at_level(logging.WARNING):
        LocalStore(directory, Keyring([]))
    assert "conductors of one host only" in caplog.text


def test_a_put_that_did_not_end_is_not_there_and_can_be_tried_again(store, directory, monkeypatch):
    write = local.write_private_file

    def killed_before_the_certificate(path, content, *, replace):
        if path.suffix == ".crt":
            (directory / f".{path.name}.0123").write_text("half")  # what a kill -9 leaves of a draft
            raise KeyboardInterrupt
        write(path, content, replace=replace)

    monkeypatch.setattr(local, "write_private_file", killed_before_the_certificate)
    with pytest.raises(KeyboardInterrupt):
        store.put(UUID, BUNDLE, **OWNER)
    monkeypatch.undo()
    with pytest.raises(CertificateNotFoundError):
        store.get(UUID)
    another = CertificateBundle(certificate="second try", private_key="other key", passphrase=None)
    assert store.get(store.put(UUID, another, **OWNER)) == another
    store.delete(UUID)
    assert names_in(directory) == []


def test_a_lost_key_file_is_named(store, directory):
    store.put(UUID, BUNDLE, **OWNER)
    (directory / f"{UUID}.key").unlink()
    with pytest.raises(CertificateStoreError, match=rf"{UUID}\.key is missing"):
        store.get(UUID)


def test_trouble_with_the_disk_names_the_path(tmp_path):
    (tmp_path / "occupied").write_text("a file where the directory should be")
    store = LocalStore(tmp_path / "occupied", Keyring([b"k" * 32]))
    for attempt in (lambda: store.put(UUID, BUNDLE, **OWNER), lambda: store.get(UUID), lambda: store.delete(UUID)):
        with pytest.raises(CertificateStoreError, match=r"failed at .*occupied.*: (Not a directory|File exists)"):
            attempt()
