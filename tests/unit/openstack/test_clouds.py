"""Which endpoint of each service is called, and how; asked of a catalogue."""

from pathlib import Path

import pytest
from keystoneauth1.access import AccessInfoV3
from keystoneauth1.identity.base import BaseIdentityPlugin

from magnum.conf.clients import Endpoint, Heat, Nova
from magnum.conf.settings import Settings
from magnum.openstack.clouds import Cloud

SERVICES = {
    "heat": "orchestration",
    "glance": "image",
    "nova": "compute",
    "neutron": "network",
    "cinder": "block-storage",
    "octavia": "load-balancer",
    "barbican": "key-manager",
}


class Known(BaseIdentityPlugin):
    """Somebody whose token is known."""

    def get_auth_ref(self, session):
        del session
        catalogue = [
            {
                "type": kind,
                "name": kind,
                "endpoints": [
                    {"interface": interface, "region_id": region, "url": f"http://{kind}.{interface}.{region}"}
                    for interface in ("public", "internal")
                    for region in ("one", "two")
                ],
            }
            for kind in SERVICES.values()
        ]
        body = {"project": {"id": "p1"}, "catalog": catalogue, "expires_at": "2099-01-01T00:00:00Z"}
        return AccessInfoV3({"token": body}, "the token")


def cloud(**sections):
    return Cloud(Settings(**sections), Known("http://keystone/v3"))


@pytest.mark.parametrize(("name", "kind"), SERVICES.items())
def test_a_service_is_found_in_the_catalogue(name, kind):
    service = getattr(cloud(), name)()
    assert service._adapter.get_endpoint() == f"http://{kind}.public.one"
    assert service.project_id == "p1"


def test_the_configuration_chooses_region_and_interface():
    chosen = cloud(barbican_client=Endpoint(region_name="two", endpoint_type="internalURL")).barbican()
    assert chosen._adapter.get_endpoint() == "http://key-manager.internal.two"


@pytest.mark.parametrize(
    ("section", "verify", "cert"),
    [
        ({}, True, None),
        ({"insecure": True}, False, None),
        ({"ca_file": Path("/ca")}, "/ca", None),
        ({"ca_file": Path("/ca"), "insecure": True}, False, None),
        ({"cert_file": Path("/c")}, True, "/c"),
        ({"cert_file": Path("/c"), "key_file": Path("/k")}, True, ("/c", "/k")),
    ],
)
def test_and_which_certificates_are_good(section, verify, cert):
    session = cloud(heat_client=Heat(**section)).heat()._adapter.session
    assert (session.verify, session.cert) == (verify, cert)
    assert session.timeout == 30


def test_a_microversion_is_asked_for():
    assert cloud(nova_client=Nova()).nova("2.79")._adapter.default_microversion == "2.79"


def test_keystone_is_asked_where_the_identity_says():
    assert cloud().keystone()._adapter.get_endpoint() == "http://keystone/v3"


def test_who_it_is():
    assert cloud().identity().auth_token == "the token"
