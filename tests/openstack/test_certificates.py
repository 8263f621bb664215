"""Certificates in a real Barbican: what is put is got, by whom it may be read, and that nothing of it stays."""

import secrets
from types import SimpleNamespace
from uuid import uuid4

import pytest
from cloud import by
from keystoneauth1.identity.v3 import Password
from worlds import make_settings

from magnum.certificates.authority import new_authority, open_authority
from magnum.certificates.encryption import Keyring
from magnum.certificates.rules import SigningRules
from magnum.certificates.stores.barbican import BarbicanStore
from magnum.certificates.stores.base import (
    CertificateExistsError,
    CertificateNotFoundError,
    CertificateStoreRefusedError,
)
from magnum.openstack.clouds import Cloud

KEYRING = Keyring([b"k" * 32])
NOW = 1_800_000_000_000_000
SECONDS = 60.0


@pytest.fixture(scope="module")
def keeper(cloud, person):
    """Make a user of a project of its own, as the operator gives one to our service; both are removed in the end."""
    identity = person("admin").connection.identity
    name, password = f"keeper-{secrets.token_hex(4)}", secrets.token_hex(16)
    project = identity.create_project(name=name, domain_id="default")
    user = identity.create_user(name=name, password=password, domain_id="default")
    for role in ("creator", "service"):
        identity.assign_project_role_to_user(project, user, identity.find_role(role))
    yield Password(cloud.identity, user_id=user.id, password=password, project_id=project.id)
    identity.delete_user(user)
    identity.delete_project(project)


@pytest.fixture(scope="module")
def store(keeper):
    return store_of(keeper)


def store_of(auth) -> BarbicanStore:
    seen = Cloud(make_settings(), auth)
    return BarbicanStore(SimpleNamespace(own=lambda: seen), KEYRING, seconds=SECONDS)


@pytest.fixture(scope="module")
def keepers_own(keeper):
    """Give whoever lists what our service has stored."""
    person = by(keeper)
    yield lambda kind: person.ask("GET", f"/v1/{kind}", service="key-manager").json()[kind]
    person.close()


@pytest.fixture(scope="module")
def bundle():
    return new_authority("seafood", SigningRules(), NOW)


@pytest.fixture
def stored(store, bundle, person):
    member = person("member").connection
    owner = {"project_id": member.current_project_id, "user_id": member.current_user_id}
    uuid = str(uuid4())
    assert store.put(uuid, bundle, name="seafood", cluster_uuid="c1", **owner) == uuid
    yield uuid
    store.delete(uuid)


def test_what_is_put_is_got_and_opens(store, stored, bundle):
    assert store.get(stored) == bundle
    open_authority(store.get(stored))


def test_it_is_the_same_when_it_is_put_again(store, stored, bundle, keepers_own):
    before = keepers_own("containers"), keepers_own("secrets")
    assert store.put(stored, bundle, name="seafood", cluster_uuid="c1", project_id=None, user_id=None) == stored
    assert (keepers_own("containers"), keepers_own("secrets")) == before
    other = new_authority("other", SigningRules(), NOW)
    with pytest.raises(CertificateExistsError):
        store.put(stored, other, name="seafood", cluster_uuid="c1", project_id=None, user_id=None)


def test_the_container_is_one_of_a_certificate_and_names_its_user(stored, keepers_own):
    [container] = keepers_own("containers")
    assert (container["name"], container["type"]) == (f"magnum-{stored}", "certificate")
    assert [(one["name"], one["URL"]) for one in container["consumers"]] == [("Magnum", "c1")]


def test_the_owner_reads_it_and_opens_nothing_and_others_do_not(stored, keepers_own, person, bundle):
    [container] = keepers_own("containers")
    paths = {one["name"]: "/v1/secrets/" + one["secret_ref"].rsplit("/", 1)[1] for one in container["secret_refs"]}

    def read(name, part):
        return person(name).ask(
            "GET", f"{paths[part]}/payload", service="key-manager", Accept="application/octet-stream"
        )

    assert read("member", "certificate").text == bundle.certificate
    sealed = read("member", "private_key").text
    assert sealed.startswith("magnum:1:")
    for name in ("colleague", "other", "reader"):
        assert {read(name, part).status_code for part in paths} == {403}, name


def test_nothing_stays_when_it_is_removed(store, bundle, keepers_own):
    uuid = str(uuid4())
    store.put(uuid, bundle, name="seafood", cluster_uuid="c1", project_id=None, user_id=None)
    store.delete(uuid)
    store.delete(uuid)
    with pytest.raises(CertificateNotFoundError):
        store.get(uuid)
    assert (keepers_own("containers"), keepers_own("secrets")) == ([], [])


def test_who_may_not_store_is_told_what_is_missing(cloud, bundle):
    reader = store_of(Password(**cloud.clouds["reader"]["auth"]))
    with pytest.raises(CertificateStoreRefusedError, match=r"Barbican does not let .* role creator"):
        reader.put(str(uuid4()), bundle, name="seafood", cluster_uuid="c1", project_id=None, user_id=None)
