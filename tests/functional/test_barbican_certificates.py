"""A cluster's CA as the API shows it when certificates are in Barbican, which is simulated here."""

import pytest
from simulated_cloud import OwnClouds, simulated_cloud

from magnum.certificates.barbican import BarbicanCertificates
from magnum.certificates.bundle import CertificateBundle
from magnum.certificates.encryption import Keyring
from magnum.certificates.stores.barbican import BarbicanStore

UUID = "3f1c1e0a-8c5e-4a53-9d5c-0c6b1c7f2a11"
BUNDLE = CertificateBundle(certificate="the certificate\n", private_key="key", passphrase="pass")


@pytest.fixture
def cloud(world):
    with simulated_cloud() as cloud:
        world.change(certificates=BarbicanCertificates(OwnClouds(cloud)))
        yield cloud


@pytest.fixture
def web(world, cluster):
    world.set_status(cluster, "CREATE_COMPLETE", ca_cert_ref=UUID)
    return cluster


def test_the_ca_is_shown(cloud, ann, web):
    owner = {"name": "web", "cluster_uuid": web, "project_id": "fishers", "user_id": "ann"}
    BarbicanStore(OwnClouds(cloud), Keyring([b"k" * 32]), seconds=60).put(UUID, BUNDLE, **owner)
    assert ann.get(f"/certificates/{web}").json["pem"] == "the certificate"


def test_one_that_cannot_be_read_is_said(cloud, ann, web):
    assert ann.get(f"/certificates/{web}").status_code == 503
    cloud.faults["Barbican"] = 500
    answer = ann.get(f"/certificates/{web}")
    assert answer.status_code == 503
    assert "The CA cannot be read now: Barbican does not answer as it should" in answer.json["errors"][0]["detail"]
