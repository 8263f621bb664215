"""What a template and a cluster name is looked for in the real services, with the requester's own token."""

import pytest

WHOLE = {
    "coe": "swarm-mode",
    "image_id": "fake",
    "flavor_id": "m1.small",
    "master_flavor_id": "m1.medium",
    "external_network_id": "public",
    "fixed_network": "private",
    "fixed_subnet": "private",
    "master_lb_enabled": True,
    "docker_volume_size": 5,
    "labels": {"docker_volume_type": "standard", "availability_zone": "nova"},
}
WRONG = [
    ({"image_id": "debian-1"}, 400, "image_id must name an image that exists: Glance has no image 'debian-1'"),
    ({"image_id": "no-distro"}, 400, "The image needs the property os_distro"),
    ({"image_id": "needs-more"}, 400, "flavor_id must name a flavor with a disk of at least 30 GB"),
    ({"image_id": "twin"}, 409, "image_id must name an image that is alone of its name: Glance has 2 images"),
    ({"flavor_id": "m1.huge"}, 400, "flavor_id must name a flavor that exists: Nova has no flavor 'm1.huge'"),
    ({"external_network_id": "private"}, 400, "external_network_id must name an external network that exists"),
    ({"fixed_network": "wan"}, 400, "fixed_network must name a network that exists: Neutron has no network 'wan'"),
    ({"fixed_network": "twin"}, 409, "fixed_network must name a network that is alone of its name"),
    ({"fixed_subnet": "wan"}, 400, "fixed_subnet must name a subnet that exists: Neutron has no subnet 'wan'"),
    ({"fixed_subnet": "public"}, 400, "fixed_subnet must name a subnet that exists: The subnet 'public' of Neutron"),
    ({"labels": {"docker_volume_type": "gold"}}, 400, "The label docker_volume_type must name a volume type that"),
    ({"labels": {"availability_zone": "moon"}}, 400, "The label availability_zone must name an availability zone"),
]
OF_TEMPLATES = {"image_id", "external_network_id"}


@pytest.fixture(scope="module")
def twins(person):
    """Make two images and two networks of one name, and an image that no flavor of `WHOLE` can hold."""
    member = person("member").connection
    formats = {"disk_format": "raw", "container_format": "bare", "os_distro": "fake"}
    images = [member.image.create_image(name="twin", data=b"nothing", **formats) for _ in range(2)]
    images.append(member.image.create_image(name="needs-more", data=b"nothing", min_disk=30, **formats))
    networks = [member.network.create_network(name="twin") for _ in range(2)]
    yield
    for image in images:
        member.image.delete_image(image)
    for network in networks:
        member.network.delete_network(network)


@pytest.fixture(scope="module")
def template(person):
    member = person("member")
    made = member.make("/clustertemplates", WHOLE | {"name": "whole"})
    yield made
    member.ask("DELETE", f"/clustertemplates/{made}")


def refusal(answer) -> str:
    [error] = answer.json()["errors"]
    return str(error["detail"])


@pytest.mark.usefixtures("twins")
@pytest.mark.parametrize(("wrong", "status", "text"), WRONG)
def test_a_template_that_names_what_cannot_be_had(person, wrong, status, text):
    answer = person("member").ask("POST", "/clustertemplates", WHOLE | wrong)
    assert (answer.status_code, refusal(answer)[: len(text)]) == (status, text), answer.text


@pytest.mark.usefixtures("twins")
@pytest.mark.parametrize(("wrong", "status", "text"), [one for one in WRONG if not OF_TEMPLATES & one[0].keys()])
def test_a_cluster_that_names_what_cannot_be_had(person, template, wrong, status, text):
    answer = person("member").ask("POST", "/clusters", {"cluster_template_id": template} | wrong)
    assert (answer.status_code, refusal(answer)[: len(text)]) == (status, text), answer.text


def test_a_key_pair_is_the_requesters_own(person, template):
    body = {"cluster_template_id": template, "keypair": "somebody-elses"}
    answer = person("member").ask("POST", "/clusters", body)
    assert (answer.status_code, refusal(answer)) == (
        404,
        "keypair must name a key pair that exists: Nova has no key pair 'somebody-elses' of yours.",
    )


def test_an_image_of_another_project_is_none(person, twins):
    answer = person("other").ask("POST", "/clustertemplates", WHOLE | {"image_id": "twin"})
    assert (answer.status_code, "Glance has no image 'twin'" in refusal(answer)) == (400, True)


def test_a_plan_finds_all_that_there_is(person, template):
    plan = person("member").ask("POST", "/clusters/actions/plan", {"cluster_template_id": template, "keypair": "key"})
    assert plan.json()["refusals"] == []
