"""What is told to Barbican and what becomes of its failures, with a simulated one. tests/openstack asks a real one."""

import json

import pytest
from simulated_cloud import SILENCE, OwnClouds, simulated_cloud

from magnum.certificates.bundle import CertificateBundle
from magnum.certificates.encryption import Keyring
from magnum.certificates.stores.barbican import BarbicanStore
from magnum.certificates.stores.base import (
    CertificateNotFoundError,
    CertificateStoreError,
    CertificateStoreRefusedError,
)
from magnum.conductor.secrets import store_failures
from magnum.model.failures import Code, Fatal, Retry

UUID = "3f1c1e0a-8c5e-4a53-9d5c-0c6b1c7f2a11"
OWNER = {"name": "seafood", "cluster_uuid": "the cluster", "project_id": "fishers", "user_id": "ann"}
BUNDLE = CertificateBundle(certificate="certificate", private_key="key", passphrase="pass", intermediates="more")
SECOND = CertificateBundle(certificate="second", private_key="second key", passphrase="second pass")


@pytest.fixture
def cloud():
    with simulated_cloud() as cloud:
        yield cloud


def make_store(cloud, *, seconds: float = 60) -> BarbicanStore:
    return BarbicanStore(OwnClouds(cloud), Keyring([b"k" * 32]), seconds=seconds)


@pytest.fixture
def store(cloud):
    return make_store(cloud)


def kept(cloud) -> tuple[int, int]:
    return len(cloud.barbican.secrets), len(cloud.barbican.containers)


def test_nobody_but_maker_and_owner_may_read_any_of_it(cloud, store):
    store.put(UUID, BUNDLE, **OWNER)
    barbican = cloud.barbican
    assert barbican.readers.keys() == {*barbican.secrets, *barbican.containers}
    assert all(acl == {"users": ["ann"], "project-access": False} for acl in barbican.readers.values())
    assert {one["creator_id"] for one in (*barbican.secrets.values(), *barbican.containers.values())} == {"magnum"}


def test_without_an_owner_nobody_but_the_maker_may(cloud, store):
    store.put(UUID, BUNDLE, **OWNER | {"user_id": None})
    assert all(acl == {"users": [], "project-access": False} for acl in cloud.barbican.readers.values())


def test_the_container_says_which_cluster_it_is_for(cloud, store):
    store.put(UUID, BUNDLE, **OWNER)
    [container] = cloud.barbican.containers.values()
    assert container["consumers"] == [{"name": "Magnum", "URL": "the cluster"}]
    parts = {"certificate", "private_key", "private_key_passphrase", "intermediates"}
    assert {one["name"] for one in container["secret_refs"]} == parts
    assert {one["name"] for one in cloud.barbican.secrets.values()} == {f"magnum-{UUID}-{part}" for part in parts}


def fail_after(number: int):
    return lambda done: 500 if done == number else None


def test_a_put_that_was_interrupted_anywhere_is_begun_anew(cloud):
    """Whoever comes next has made other keys: what is whole stays, anything else is replaced."""
    make_store(cloud).put(UUID, BUNDLE, **OWNER)
    calls = cloud.kept
    make_store(cloud).delete(UUID)
    assert calls == 12
    for number in range(1, calls + 1):
        cloud.kept, cloud.after = 0, fail_after(number)
        with pytest.raises(CertificateStoreError, match="Barbican could not store a certificate"):
            make_store(cloud).put(UUID, BUNDLE, **OWNER)
        cloud.after = fail_after(0)
        store = make_store(cloud)
        if number < calls:
            with pytest.raises(CertificateNotFoundError):
                store.get(UUID)
            store.put(UUID, SECOND, **OWNER)
            assert store.get(UUID) == SECOND
        else:
            assert store.get(UUID) == BUNDLE
        store.delete(UUID)
        assert kept(cloud) == (0, 0), number


def test_a_delete_that_was_interrupted_anywhere_can_be_tried_again(cloud, store):
    number = 0
    while True:
        store.put(UUID, BUNDLE, **OWNER)
        number += 1
        cloud.kept, cloud.after = 0, fail_after(number)
        try:
            store.delete(UUID)
        except CertificateStoreError:
            cloud.after = fail_after(0)
            store.delete(UUID)
            assert kept(cloud) == (0, 0), number
        else:
            break
    assert number > 10
    assert kept(cloud) == (0, 0)


def test_what_somebody_else_calls_so_is_not_taken_for_ours(cloud, store):
    body = json.dumps({"name": f"magnum-{UUID}", "secret_refs": []}).encode()
    cloud.barbican.answer("POST", "/v1/containers", {}, body, "nova")
    [foreign] = cloud.barbican.containers.values()
    foreign["consumers"].append({"name": "Magnum", "URL": "the cluster"})
    with pytest.raises(CertificateNotFoundError):
        store.get(UUID)
    store.put(UUID, BUNDLE, **OWNER)
    assert store.get(UUID) == BUNDLE
    store.delete(UUID)
    assert list(cloud.barbican.containers.values()) == [foreign]


def test_of_two_that_were_stored_at_once_the_first_counts(cloud, store):
    first, second = SECOND, BUNDLE
    store.put(UUID, first, **OWNER)
    early = dict(cloud.barbican.containers)
    cloud.barbican.containers.clear()  # who looked then saw none
    store.put(UUID, second, **OWNER)
    cloud.barbican.containers = early | cloud.barbican.containers
    assert store.get(UUID) == first
    store.delete(UUID)
    assert kept(cloud) == (0, 0)


def test_a_part_that_is_gone_is_said(cloud, store):
    store.put(UUID, BUNDLE, **OWNER)
    [container] = cloud.barbican.containers.values()
    container["secret_refs"] = [one for one in container["secret_refs"] if one["name"] != "private_key"]
    with pytest.raises(CertificateStoreError, match="lacks private_key"):
        store.get(UUID)
    cloud.barbican.secrets.clear()
    with pytest.raises(CertificateStoreError, match="Barbican could not read a certificate"):
        store.get(UUID)


def test_an_answer_that_leads_elsewhere_is_not_followed(cloud, store):
    store.put(UUID, BUNDLE, **OWNER)
    [container] = cloud.barbican.containers.values()
    container["container_ref"] = "http://elsewhere/v1/containers/../secrets"
    with pytest.raises(CertificateStoreError, match="ends with no id"):
        store.get(UUID)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_what_to_do_and_ends_the_operation(cloud, store, status):
    cloud.faults["Barbican"] = status
    for doing in (lambda: store.put(UUID, BUNDLE, **OWNER), lambda: store.get(UUID), lambda: store.delete(UUID)):
        with pytest.raises(CertificateStoreRefusedError, match=r"Barbican does not let .* role creator"):
            doing()
    with (
        pytest.raises(Fatal, match="Could not make certificates: Barbican does not let") as raised,
        store_failures("make certificates"),
    ):
        store.put(UUID, BUNDLE, **OWNER)
    assert raised.value.code == Code.SECRET_STORE


def test_one_that_is_down_is_asked_again_later(cloud, store):
    cloud.faults["Barbican"] = 503
    with (
        pytest.raises(Retry, match="Could not make certificates: Barbican could not store") as raised,
        store_failures("make certificates"),
    ):
        store.put(UUID, BUNDLE, **OWNER)
    assert raised.value.code == Code.SECRET_STORE
    cloud.faults.clear()
    store.put(UUID, BUNDLE, **OWNER)
    assert store.get(UUID) == BUNDLE


def test_one_that_says_nothing_is_not_waited_for(cloud):
    cloud.faults["Barbican"] = SILENCE
    with pytest.raises(CertificateStoreError, match="Barbican could not read a certificate"):
        make_store(cloud, seconds=1).get(UUID)
    cloud.over.set()


def test_all_calls_together_have_their_time(cloud):
    """Each takes a second by this clock, which nobody waits for."""
    elapsed = iter(range(1000))
    store = BarbicanStore(OwnClouds(cloud), Keyring([b"k" * 32]), seconds=4, monotonic=lambda: float(next(elapsed)))
    with pytest.raises(CertificateStoreError, match="Barbican took more than 4 seconds"):
        store.put(UUID, BUNDLE, **OWNER)


def test_no_secret_is_in_an_error(cloud, store):
    for status in (403, 503, 400):
        cloud.faults["Barbican"] = status
        with pytest.raises(CertificateStoreError) as raised:
            store.put(UUID, BUNDLE, **OWNER)
        assert "key" not in str(raised.value).replace("keystone", "")
