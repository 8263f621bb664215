"""Certificates that the API reads out of Barbican, a simulated one here: the public part, and asked for once."""

import pytest
from simulated_cloud import OwnClouds, simulated_cloud

from magnum.certificates.barbican import REMEMBERED_SECONDS, BarbicanCertificates
from magnum.certificates.bundle import CertificateBundle
from magnum.certificates.encryption import Keyring
from magnum.certificates.stores.barbican import BarbicanStore
from magnum.openstack.errors import NotAllowed, Unanswered

UUID = "3f1c1e0a-8c5e-4a53-9d5c-0c6b1c7f2a11"
OWNER = {"name": "seafood", "cluster_uuid": "c1", "project_id": "fishers", "user_id": "ann"}
BUNDLE = CertificateBundle(certificate="the certificate", private_key="key", passphrase="pass")


@pytest.fixture
def cloud():
    with simulated_cloud() as cloud:
        yield cloud


@pytest.fixture
def certificates(cloud):
    return BarbicanCertificates(OwnClouds(cloud))


@pytest.fixture
def stored(cloud):
    BarbicanStore(OwnClouds(cloud), Keyring([b"k" * 32]), seconds=60).put(UUID, BUNDLE, **OWNER)
    cloud.calls.clear()


@pytest.mark.usefixtures("stored")
def test_the_certificate_is_read_once_and_nothing_else_of_it(cloud, certificates):
    assert [certificates.read(UUID) for _ in range(3)] == ["the certificate"] * 3
    [container] = cloud.barbican.containers.values()
    [secret] = [one["secret_ref"] for one in container["secret_refs"] if one["name"] == "certificate"]
    ident = secret.rsplit("/", 1)[1]
    assert [path for _, _, path in cloud.calls] == ["/v1/containers", f"/v1/secrets/{ident}/payload"]


@pytest.mark.usefixtures("stored")
def test_one_of_an_earlier_release_is_read_by_its_containers_address(cloud, certificates):
    [ident] = cloud.barbican.containers
    assert certificates.read(f"https://elsewhere/v1/containers/{ident}") == "the certificate"


@pytest.mark.usefixtures("stored")
def test_it_is_read_again_after_a_time(cloud):
    now = 0.0
    certificates = BarbicanCertificates(OwnClouds(cloud), monotonic=lambda: now)
    certificates.read(UUID)
    asked = len(cloud.calls)
    now = REMEMBERED_SECONDS - 1
    certificates.read(UUID)
    assert len(cloud.calls) == asked
    now = REMEMBERED_SECONDS + 1
    certificates.read(UUID)
    assert len(cloud.calls) == 2 * asked


def test_what_is_not_there_is_looked_for_again(cloud, certificates, request):
    assert certificates.read(UUID) is None
    request.getfixturevalue("stored")
    assert certificates.read(UUID) == "the certificate"


@pytest.mark.parametrize("ref", ["", "../" + UUID, UUID + "\n", "https://elsewhere/v1/secrets/" + UUID])
def test_a_reference_that_cannot_be_one_is_asked_of_nobody(cloud, certificates, ref):
    assert certificates.read(ref) is None
    assert cloud.calls == []


@pytest.mark.parametrize(("fault", "told"), [(403, NotAllowed), (503, Unanswered)])
def test_a_failure_is_told(cloud, certificates, fault, told):
    cloud.faults["Barbican"] = fault
    with pytest.raises(told, match="Barbican"):
        certificates.read(UUID)
