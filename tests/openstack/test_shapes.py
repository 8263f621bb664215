"""Every template that a cluster can have is valid to Heat, and makes what it should and nothing else."""

import pytest
from combinations import combinations
from keystoneauth1.identity.v3 import Password
from shapes import CHOICES, CHOICES_OF_A_GROUP, Ids, previewed, resources_of, shaped

from magnum.conf.settings import Settings
from magnum.openstack.clouds import Cloud as OwnCloud
from magnum.openstack.heat import Heat

OWNER = "member"
"""It has a network already."""


def told(row):
    return " ".join(f"{name}={value}" for name, value in row.items())


@pytest.fixture(scope="module")
def heat(cloud):
    return Heat(OwnCloud(Settings(), Password(**cloud.clouds[OWNER]["auth"])).heat())


@pytest.fixture(scope="module")
def ids(person):
    connection = person(OWNER).connection
    network = connection.network.find_network("private")
    return Ids(
        image=connection.image.find_image("debian-12").id,
        flavor=connection.compute.find_flavor("m1.small").id,
        public=connection.network.find_network("public").id,
        network=network.id,
        subnet=network.subnet_ids[0],
        group=connection.network.find_security_group("default", project_id=connection.current_project_id).id,
    )


@pytest.mark.parametrize("row", combinations(CHOICES), ids=told)
def test_a_cluster_is_what_it_should_be(heat, ids, row):
    request = shaped(ids, row).request({})
    assert heat.validate(request)["Parameters"].keys() == request.template["parameters"].keys()
    assert previewed(heat.preview(request)) == resources_of(row)


@pytest.mark.parametrize("row", combinations(CHOICES_OF_A_GROUP), ids=told)
def test_a_node_group_is_what_it_should_be(heat, ids, row):
    request = shaped(ids, row, of_a_group=True).request({})
    assert heat.validate(request)["Parameters"].keys() == request.template["parameters"].keys()
    assert previewed(heat.preview(request)) == resources_of(row, of_a_group=True)
