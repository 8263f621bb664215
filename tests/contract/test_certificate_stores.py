"""What every certificate store promises (magnum/certificates/stores/base.py), tried on each of them."""

import json
import shutil
from base64 import b64encode
from pathlib import Path
from typing import Protocol

import pytest
from simulated_cloud import OwnClouds, SimulatedCloud, simulated_cloud
from sqlalchemy import select, update

from magnum.certificates.bundle import CertificateBundle
from magnum.certificates.encryption import DamagedSecretError, Keyring, MissingKeyError
from magnum.certificates.stores.barbican import BarbicanStore
from magnum.certificates.stores.base import (
    CertificateExistsError,
    CertificateNotFoundError,
    CertificateStore,
    ForeignReferenceError,
)
from magnum.certificates.stores.database import DatabaseStore
from magnum.certificates.stores.local import LocalStore
from magnum.db import x509keypairs
from magnum.db.engine import open_database
from magnum.db.tables import METADATA, x509keypair
from magnum.model.clocks import SystemClock
from magnum.model.x509keypairs import X509KeyPair

UUID = "3f1c1e0a-8c5e-4a53-9d5c-0c6b1c7f2a11"
OTHER_UUID = "b7f6a1de-92f5-4f0e-8a53-5d3f7f1f9a22"
OWNER = {"name": "seafood", "cluster_uuid": "c1", "project_id": "project-1", "user_id": "user-1"}
OLD, NEW = b"o" * 32, b"n" * 32
BUNDLE = CertificateBundle(
    certificate="certificate-text",
    private_key="private-key-text",
    passphrase="passphrase-text",
    intermediates="intermediates-text",
)
OTHER_BUNDLE = CertificateBundle(certificate="other", private_key="other key", passphrase="other passphrase")


class Medium(Protocol):
    """Where a store keeps things, and what somebody with access to it could do."""

    def store(self, keyring: Keyring) -> CertificateStore: ...

    def content(self) -> str: ...

    def adopt(self, uuid: str, bundle: CertificateBundle) -> str:
        """Store a bundle as an older service has done it, not encrypted; give its reference."""
        ...

    def move_secrets(self, source: str, target: str) -> None: ...


class DatabaseMedium:
    def __init__(self, directory: Path) -> None:
        self.database = open_database(f"sqlite:///{directory / 'magnum.sqlite'}", clock=SystemClock())
        self.database.write(METADATA.create_all)

    def store(self, keyring: Keyring) -> CertificateStore:
        return DatabaseStore(x509keypairs, self.database, keyring)

    def content(self) -> str:
        rows = self.database.read(lambda tx: tx.execute(select(x509keypair)).all())
        return "\n".join(str(tuple(row)) for row in rows)

    def adopt(self, uuid: str, bundle: CertificateBundle) -> str:
        row = X509KeyPair(
            uuid=uuid,
            certificate=bundle.certificate,
            private_key=bundle.private_key,
            private_key_passphrase=bundle.passphrase,
        )
        self.database.write(lambda tx: x509keypairs.insert(tx, row))
        return uuid

    def move_secrets(self, source: str, target: str) -> None:
        secrets = (x509keypair.c.private_key, x509keypair.c.private_key_passphrase)

        def move(tx) -> None:
            values = tx.execute(select(*secrets).where(x509keypair.c.uuid == source)).mappings().one()
            tx.execute(update(x509keypair).where(x509keypair.c.uuid == target).values(**values))

        self.database.write(move)


class LocalMedium:
    def __init__(self, directory: Path) -> None:
        self.directory = directory / "certificates"

    def store(self, keyring: Keyring) -> CertificateStore:
        return LocalStore(self.directory, keyring)

    def content(self) -> str:
        paths = self.directory.iterdir() if self.directory.exists() else []
        return "\n".join(f"{path.name}: {path.read_text()}" for path in paths)

    def adopt(self, uuid: str, bundle: CertificateBundle) -> str:
        self.directory.mkdir()
        for suffix, text in {
            ".crt": bundle.certificate,
            ".key": bundle.private_key,
            ".pass": bundle.passphrase,
        }.items():
            (self.directory / (uuid + suffix)).write_text(str(text))
        return uuid

    def move_secrets(self, source: str, target: str) -> None:
        for suffix in (".key", ".pass"):
            shutil.copy(self.directory / (source + suffix), self.directory / (target + suffix))


class BarbicanMedium:
    """A simulated one; tests/openstack asks a real one the same."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self.cloud = cloud
        self._barbican = cloud.barbican

    def store(self, keyring: Keyring) -> CertificateStore:
        return BarbicanStore(OwnClouds(self.cloud), keyring, seconds=60)

    def content(self) -> str:
        return self._barbican.content()

    def adopt(self, uuid: str, bundle: CertificateBundle) -> str:
        del uuid  # Barbican gives its own
        texts = {
            "certificate": bundle.certificate,
            "private_key": bundle.private_key,
            "private_key_passphrase": str(bundle.passphrase),
        }
        made = {part: self._make("secrets", name=part, payload=b64encode(texts[part].encode())) for part in texts}
        refs = [{"name": part, "secret_ref": ref["secret_ref"]} for part, ref in made.items()]
        return str(self._make("containers", name="seafood", secret_refs=refs)["container_ref"])

    def _make(self, collection: str, **asked) -> dict:
        body = json.dumps(asked, default=bytes.decode).encode()
        return self._barbican.answer("POST", f"/v1/{collection}", {}, body, "magnum")[1]

    def move_secrets(self, source: str, target: str) -> None:
        payloads = self._barbican.payloads
        for part in ("private_key", "private_key_passphrase"):
            payloads[self._ident(target, part)] = payloads[self._ident(source, part)]

    def _ident(self, uuid: str, part: str) -> str:
        return next(ident for ident, one in self._barbican.secrets.items() if one["name"] == f"magnum-{uuid}-{part}")


@pytest.fixture(params=["database", "local", "barbican"])
def medium(request, tmp_path):
    match request.param:
        case "database":
            medium = DatabaseMedium(tmp_path)
            yield medium
            medium.database.dispose()
        case "local":
            yield LocalMedium(tmp_path)
        case "barbican":
            with simulated_cloud() as cloud:
                yield BarbicanMedium(cloud)


@pytest.fixture
def store(medium: Medium) -> CertificateStore:
    return medium.store(Keyring([NEW]))


@pytest.mark.parametrize(
    "bundle",
    [
        BUNDLE,
        CertificateBundle(certificate="c", private_key="k", passphrase="p"),
        CertificateBundle(certificate="c", private_key="k", passphrase=None, intermediates="i"),
        CertificateBundle(
            certificate="c" * 8_000, private_key="k" * 20_000, passphrase="ü", intermediates="i\r\n\ni" * 99
        ),
    ],
    ids=["whole", "no intermediates", "no passphrase", "long and odd"],
)
def test_what_was_put_is_got(store, bundle):
    assert store.get(store.put(UUID, bundle, **OWNER)) == bundle


def test_the_owner_may_be_unknown(store):
    assert store.get(store.put(UUID, BUNDLE, **OWNER | {"project_id": None, "user_id": None})) == BUNDLE


def test_bundles_are_apart(store):
    refs = [store.put(UUID, BUNDLE, **OWNER), store.put(OTHER_UUID, OTHER_BUNDLE, **OWNER)]
    assert [store.get(ref) for ref in refs] == [BUNDLE, OTHER_BUNDLE]


def test_a_put_can_be_tried_again(medium, store):
    """The caller was killed before it could write the reference down."""
    ref = store.put(UUID, BUNDLE, **OWNER)
    before = medium.content()
    assert medium.store(Keyring([NEW])).put(UUID, BUNDLE, **OWNER) == ref
    assert medium.content() == before


def test_another_bundle_under_the_same_uuid_is_refused(store):
    ref = store.put(UUID, BUNDLE, **OWNER)
    with pytest.raises(CertificateExistsError, match=UUID):
        store.put(UUID, OTHER_BUNDLE, **OWNER)
    assert store.get(ref) == BUNDLE


def test_nothing_is_found_where_nothing_was_put(store):
    with pytest.raises(CertificateNotFoundError, match=UUID):
        store.get(UUID)


def test_a_deleted_bundle_is_gone_with_all_its_parts(medium, store):
    ref = store.put(UUID, BUNDLE, **OWNER)
    store.delete(ref)
    with pytest.raises(CertificateNotFoundError):
        store.get(ref)
    assert medium.content() == ""


def test_a_delete_can_be_tried_again(store):
    ref = store.put(UUID, BUNDLE, **OWNER)
    store.put(OTHER_UUID, OTHER_BUNDLE, **OWNER)
    store.delete(ref)
    store.delete(ref)
    assert store.get(OTHER_UUID) == OTHER_BUNDLE


def test_what_was_deleted_can_be_put_anew(store):
    store.delete(store.put(UUID, BUNDLE, **OWNER))
    assert store.get(store.put(UUID, OTHER_BUNDLE, **OWNER)) == OTHER_BUNDLE


@pytest.mark.parametrize(
    "ref",
    [
        "",
        ".",
        "../" + UUID,
        "/etc/" + UUID,
        UUID + "/../x",
        UUID + "\0",
        UUID + "\n",
        UUID.upper(),
        "{" + UUID + "}",
        UUID.replace("-", ""),
        "urn:uuid:" + UUID,
        "https://barbican.example/v1/containers/" + UUID + "/../x",
        "https://barbican.example/v1/secrets/" + UUID,
    ],
)
def test_a_reference_of_another_kind_is_refused_everywhere(store, ref):
    for attempt in (store.get, store.delete, lambda ref: store.put(ref, BUNDLE, **OWNER)):
        with pytest.raises(ForeignReferenceError, match="is not a UUID"):
            attempt(ref)


def test_a_reference_to_a_container_is_one_of_barbican_alone(medium, store):
    ref = "https://barbican.example/v1/containers/" + UUID
    told = CertificateNotFoundError if isinstance(medium, BarbicanMedium) else ForeignReferenceError
    with pytest.raises(told):
        store.get(ref)
    with pytest.raises(ForeignReferenceError):
        store.put(ref, BUNDLE, **OWNER)


def test_no_secret_is_stored_in_clear(medium, store):
    store.put(UUID, BUNDLE, **OWNER)
    content = medium.content()
    assert "certificate-text" in content
    assert "private-key-text" not in content
    assert "passphrase-text" not in content


def test_without_a_key_nothing_is_stored(medium):
    with pytest.raises(MissingKeyError, match="no key to encrypt it with"):
        medium.store(Keyring([])).put(UUID, BUNDLE, **OWNER)
    assert medium.content() == ""


def test_clear_secrets_of_an_adopted_store_are_read(medium, store):
    ref = medium.adopt(UUID, OTHER_BUNDLE)
    assert store.get(ref) == OTHER_BUNDLE
    store.delete(ref)
    store.delete(ref)
    assert medium.content() == ""


def test_a_key_can_be_rotated(medium):
    medium.store(Keyring([OLD])).put(UUID, BUNDLE, **OWNER)
    both = medium.store(Keyring([NEW, OLD]))
    both.put(OTHER_UUID, OTHER_BUNDLE, **OWNER)
    assert both.get(UUID) == BUNDLE
    new_alone = medium.store(Keyring([NEW]))
    assert new_alone.get(OTHER_UUID) == OTHER_BUNDLE
    with pytest.raises(MissingKeyError, match="not in encryption_keys"):
        new_alone.get(UUID)


def test_secrets_that_were_moved_to_another_bundle_do_not_open(medium, store):
    store.put(UUID, BUNDLE, **OWNER)
    store.put(OTHER_UUID, OTHER_BUNDLE, **OWNER)
    medium.move_secrets(UUID, OTHER_UUID)
    with pytest.raises(DamagedSecretError):
        store.get(OTHER_UUID)
