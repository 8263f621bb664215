"""openstacksdk, unmodified: its proxy `container_infrastructure_management` and its cloud layer."""

import time
import warnings

import pytest
from certificate_requests import make_csr
from cryptography import x509
from openstack import exceptions
from real import BETWEEN_LOOKS

pytestmark = pytest.mark.filterwarnings("ignore")  # the client's warnings are not ours to mend
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import openstack

TEMPLATE = {"coe": "swarm-mode", "image_id": "fake", "external_network_id": "public"}


@pytest.fixture
def connect(clouds):
    """Give the connection of a person."""
    known = openstack.config.OpenStackConfig(config_files=[str(clouds)], load_envvars=False)
    made = []

    def run(user: str) -> openstack.connection.Connection:
        made.append(openstack.connection.Connection(config=known.get_one(user)))
        return made[-1]

    yield run
    for connection in made:
        connection.close()


def until(look, final: str):
    """Look until the status is the final one. Bounded."""
    for _ in range(300):
        if (found := look()).status == final:
            return found
        time.sleep(BETWEEN_LOOKS)
    raise AssertionError(f"{found.name} is still {found.status}: {found.status_reason}")


def test_the_proxy(connect):
    amy = connect("amy").container_infrastructure_management
    template = amy.create_cluster_template(name="sdk", **TEMPLATE)
    assert amy.find_cluster_template("sdk").uuid == template.uuid
    assert "sdk" in [found.name for found in amy.cluster_templates()]
    assert amy.update_cluster_template(template, name="sdk2", labels={"a": "1"}).labels == {"a": "1"}
    assert amy.get_cluster_template(template.id).name == "sdk2"

    made = amy.create_cluster(name="proxied", cluster_template_id=template.id)
    cluster = until(lambda: amy.get_cluster(made.id), "CREATE_COMPLETE")
    assert amy.find_cluster("proxied").uuid == cluster.uuid
    assert "proxied" in [found.name for found in amy.clusters()]
    amy.update_cluster(cluster, node_count=2)
    assert until(lambda: amy.get_cluster(cluster.id), "UPDATE_COMPLETE").node_count == 2

    authority = x509.load_pem_x509_certificate(amy.get_cluster_certificate(cluster.id).pem.encode())
    signed = amy.create_cluster_certificate(cluster_uuid=cluster.id, csr=make_csr())
    x509.load_pem_x509_certificate(signed.pem.encode()).verify_directly_issued_by(authority)

    eve = connect("eve").container_infrastructure_management
    with pytest.raises(exceptions.NotFoundException):
        eve.get_cluster(cluster.id)
    assert eve.find_cluster("proxied") is None
    with pytest.raises(exceptions.ForbiddenException):
        connect("rita").container_infrastructure_management.delete_cluster(cluster.id, ignore_missing=False)
    amy.delete_cluster(cluster)
    amy.wait_for_delete(cluster, interval=0.1, wait=30)
    amy.delete_cluster_template(template)
    assert amy.find_cluster_template("sdk2") is None
    services = connect("admin").container_infrastructure_management.services()
    assert [service.state for service in services] == ["up"]


def test_the_cloud_layer(connect):
    amy = connect("amy")
    template = amy.create_cluster_template("layer", **TEMPLATE)
    assert amy.get_cluster_template("layer").uuid == template.uuid
    assert [found.name for found in amy.search_cluster_templates("layer")] == ["layer"]
    assert "layer" in [found.name for found in amy.list_cluster_templates()]
    assert amy.update_cluster_template("layer", dns_nameserver="9.9.9.9").dns_nameserver == "9.9.9.9"

    amy.create_coe_cluster("layered", template.id)
    cluster = until(lambda: amy.get_coe_cluster("layered"), "CREATE_COMPLETE")
    assert [found.id for found in amy.search_coe_clusters("layered")] == [cluster.id]
    assert "layered" in [found.name for found in amy.list_coe_clusters()]
    amy.update_coe_cluster(cluster.id, node_count=2)
    assert until(lambda: amy.get_coe_cluster("layered"), "UPDATE_COMPLETE").node_count == 2

    authority = x509.load_pem_x509_certificate(amy.get_coe_cluster_certificate(cluster.id).pem.encode())
    signed = amy.sign_coe_cluster_certificate(cluster.id, make_csr())
    x509.load_pem_x509_certificate(signed.pem.encode()).verify_directly_issued_by(authority)
    assert connect("eve").get_coe_cluster("layered") is None
    assert amy.delete_coe_cluster("layered")
    for _ in range(300):
        if amy.get_coe_cluster("layered") is None:
            break
        time.sleep(BETWEEN_LOOKS)
    assert amy.delete_cluster_template("layer")
    assert [service.state for service in connect("admin").list_magnum_services()] == ["up"]
