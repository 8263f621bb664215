"""Templates and clusters name what is in a cloud, which is asked with the requester's token: what is wrong is named.

Keystone and the services are simulated, at the level of HTTP; real ones are asked in tests/openstack.
"""

import pytest
from simulated_cloud import TOKEN, image, network, simulated_cloud, subnet
from worlds import InProcess, Person

from magnum.conf.settings import load_settings
from magnum.openstack.identities import open_identities

CONFIGURATION = """
[DEFAULT]
auth_strategy = keystone
[certificates]
cert_manager_type = x509keypair
[cinder]
default_etcd_volume_type = golden
[keystone_authtoken]
auth_url = {url}/identity/v3
username = magnum
password = secret
project_name = service
user_domain_name = Default
project_domain_name = Default
{more}
"""
WHOLE = {
    "flavor_id": "m1.small",
    "master_flavor_id": "2",
    "external_network_id": "public",
    "fixed_network": "lan",
    "fixed_subnet": "lan-a",
    "master_lb_enabled": True,
    "docker_volume_size": 10,
    "labels": {"docker_volume_type": "fast", "boot_volume_type": "slow", "availability_zone": "nova"},
}


@pytest.fixture
def cloud():
    with simulated_cloud() as cloud:
        yield cloud


@pytest.fixture
def make_world(cloud, tmp_path):
    worlds = []

    def make(more: str = "") -> Person:
        file = tmp_path / "magnum.conf"
        file.write_text(CONFIGURATION.format(url=cloud.url, more=more))
        settings = load_settings(files=[file])
        worlds.append(InProcess(settings=settings, clouds=open_identities(settings)))
        person = Person(worlds[-1], "", "", "")
        person.identity = {"X-Auth-Token": TOKEN}
        return person

    yield make
    for world in worlds:
        world.database.dispose()


@pytest.fixture
def ann(make_world):
    return make_world()


def refusal(answer) -> tuple[int, str]:
    return answer.status_code, answer.json["errors"][0]["detail"] if answer.status_code >= 400 else ""


def test_all_that_is_named_is_there(cloud, ann):
    template = ann.make_template(**WHOLE)
    assert (template["cluster_distro"], template["project_id"]) == ("fake", "fishers")
    cloud.calls.clear()
    ann.make_cluster(template["uuid"], keypair="key")
    asked = sorted(service for service, *_ in cloud.calls)
    assert asked == ["Cinder", "Glance", *["Neutron"] * 3, *["Nova"] * 3]


WRONG = [
    ({"image_id": "none"}, 400, "image_id must name an image that exists: Glance has no image 'none'"),
    ({"image_id": "bare"}, 400, "The image needs the property os_distro"),
    ({"image_id": "twin"}, 409, "image_id must name an image that is alone of its name: Glance has 2 images"),
    ({"flavor_id": "huge"}, 400, "flavor_id must name a flavor that exists: Nova has no flavor 'huge'"),
    ({"master_flavor_id": "huge"}, 400, "master_flavor_id must name a flavor that exists"),
    ({"flavor_id": "m1.none"}, 400, "flavor_id must name a flavor with a disk: m1.none has none"),
    ({"image_id": "large"}, 400, "flavor_id must name a flavor with a disk of at least 30 GB"),
    ({"image_id": "large", "labels": {"boot_volume_size": "25"}}, 400, "boot_volume_size must be at least 30"),
    ({"image_id": "hungry"}, 400, "flavor_id must name a flavor with at least 4096 MB of memory"),
    ({"external_network_id": "lan"}, 400, "external_network_id must name an external network that exists"),
    ({"external_network_id": "both"}, 409, "external_network_id must name an external network that is alone"),
    ({"fixed_network": "wan"}, 400, "fixed_network must name a network that exists: Neutron has no network 'wan'"),
    ({"fixed_network": "both"}, 409, "fixed_network must name a network that is alone of its name"),
    ({"fixed_subnet": "wan-a"}, 400, "fixed_subnet must name a subnet that exists"),
    ({"fixed_subnet": "lan2-a"}, 400, "fixed_subnet must name a subnet that exists: The subnet 'lan2-a'"),
    ({"fixed_subnet": "both"}, 409, "fixed_subnet must name a subnet that is alone of its name"),
    ({"labels": {"docker_volume_type": "x"}}, 400, "The label docker_volume_type must name a volume type that exists"),
    ({"labels": {"etcd_volume_type": "x"}}, 400, "The label etcd_volume_type must name a volume type"),
    ({"labels": {"boot_volume_type": "x"}}, 400, "The label boot_volume_type must name a volume type"),
    (
        {"labels": {"etcd_volume_size": "5"}},
        400,
        "default_etcd_volume_type must name a volume type that exists: Cinder",
    ),
    ({"labels": {"availability_zone": "broken"}}, 400, "The label availability_zone must name an availability zone"),
]
BY_THE_IMAGE = {"image_id", "external_network_id"}
"""What only a template names."""


@pytest.fixture
def odd_things(cloud):
    cloud.images += [image(5, "large", min_disk=30), image(6, "hungry", min_ram=4096)]
    cloud.networks += [network(number, "both", external=True) for number in (41, 42)]
    cloud.subnets += [subnet(number, "both", 12) for number in (43, 44)]


@pytest.mark.usefixtures("odd_things")
@pytest.mark.parametrize(("wrong", "status", "text"), WRONG)
def test_a_template_that_names_what_cannot_be_had(ann, wrong, status, text):
    answer = ann.post("/clustertemplates", {"coe": "swarm-mode", "image_id": "fake"} | WHOLE | wrong)
    assert answer.status_code == status, answer.text
    assert text in refusal(answer)[1]
    assert ann.get("/clustertemplates").json["clustertemplates"] == []


@pytest.mark.usefixtures("odd_things")
@pytest.mark.parametrize(("wrong", "status", "text"), [one for one in WRONG if not BY_THE_IMAGE & one[0].keys()])
def test_a_cluster_that_names_what_cannot_be_had(ann, wrong, status, text):
    template = ann.make_template(**WHOLE)
    answer = ann.post("/clusters", {"cluster_template_id": template["uuid"]} | wrong)
    assert answer.status_code == status, answer.text
    assert text in refusal(answer)[1]
    assert ann.get("/clusters").json["clusters"] == []


def test_a_template_may_be_changed_to_what_is_there(ann):
    uuid = ann.make_template(**WHOLE)["uuid"]

    def change(name, value):
        return refusal(ann.patch(f"/clustertemplates/{uuid}", [{"op": "replace", "path": f"/{name}", "value": value}]))

    assert change("flavor_id", "m1.large")[0] == 200
    status, text = change("fixed_network", "wan")
    assert (status, "fixed_network must name a network that exists" in text) == (400, True)


def test_the_key_pair_is_the_requesters_own(ann):
    """A template's may be somebody else's, so it is looked at when a cluster is to have it."""
    uuid = ann.make_template(**WHOLE, keypair_id="gone")["uuid"]
    status, text = refusal(ann.post("/clusters", {"cluster_template_id": uuid}))
    assert (status, "keypair must name a key pair that exists: Nova has no key pair 'gone' of yours" in text) == (
        404,
        True,
    )
    ann.make_cluster(uuid, keypair="key")


def test_what_a_template_names_may_go_before_a_cluster_is_made(cloud, ann):
    uuid = ann.make_template(**WHOLE)["uuid"]
    cloud.images.clear()
    assert refusal(ann.post("/clusters", {"cluster_template_id": uuid}))[0] == 400


def test_load_balancers_need_a_service(cloud, ann):
    cloud.services -= {"load-balancer"}
    status, text = refusal(ann.post("/clustertemplates", {"coe": "swarm-mode", "image_id": "fake"} | WHOLE))
    assert (status, "master_lb_enabled needs a service for load balancers" in text) == (400, True)
    ann.make_template(**WHOLE | {"master_lb_enabled": False})


@pytest.mark.parametrize("service", ["Glance", "Nova", "Neutron", "Cinder"])
def test_a_service_that_cannot_be_asked_is_named(cloud, ann, service):
    uuid = ann.make_template(**WHOLE)["uuid"]
    cloud.faults[service] = 500
    answer = ann.post("/clusters", {"cluster_template_id": uuid})
    assert refusal(answer)[0] == 503
    assert f"cannot be checked now: {service} does not answer as it should" in answer.json["errors"][0]["title"]
    cloud.faults[service] = 403
    status, text = refusal(ann.post("/clusters", {"cluster_template_id": uuid}))
    assert (status, f"your token does not open: {service} refuses" in text) == (403, True)


def test_a_node_group_names_what_is_there(cloud, make_world):
    ann = make_world()
    cluster = ann.make_cluster(ann.make_template(**WHOLE)["uuid"], name="web")
    world = ann.world
    world.set_status(cluster, "CREATE_COMPLETE", api_address="https://192.0.2.1:6443")
    for wrong, text in [
        ({"flavor_id": "huge"}, "flavor_id must name a flavor"),
        ({"image_id": "none"}, "image_id must name an image"),
        ({"labels": {"docker_volume_type": "x"}}, "The label docker_volume_type"),
    ]:
        answer = ann.post("/clusters/web/nodegroups", {"name": "more"} | wrong)
        assert (answer.status_code, text in refusal(answer)[1]) == (400, True)
    assert ann.post("/clusters/web/nodegroups", {"name": "more", "flavor_id": "2"}).status_code == 202


def test_a_resize_needs_a_flavor_with_a_disk(cloud, make_world):
    ann = make_world()
    cluster = ann.make_cluster(ann.make_template(**WHOLE)["uuid"], name="web")
    ann.world.set_status(cluster, "CREATE_COMPLETE")
    cloud.flavors[0]["disk"] = 0
    patch = [{"op": "replace", "path": "/node_count", "value": 2}]
    status, text = refusal(ann.patch("/clusters/web", patch))
    assert (status, "flavor_id must name a flavor with a disk" in text) == (400, True)
    cloud.flavors.clear()
    assert ann.patch("/clusters/web", patch).status_code == 202


def test_a_plan_says_what_would_be_refused(ann):
    uuid = ann.make_template(**WHOLE)["uuid"]
    plan = ann.post("/clusters/actions/plan", {"cluster_template_id": uuid, "fixed_network": "wan"}).json
    assert not plan["accepted"]
    assert "fixed_network must name a network" in plan["refusals"][0]


def test_a_file_that_the_operator_names_is_believed_instead(cloud, make_world, tmp_path):
    file = tmp_path / "catalogue.toml"
    file.write_text('[[images]]\nid = "1"\nname = "fake"\nos_distro = "fake"\n')
    ann = make_world(f"[local]\ncatalogue = {file}")
    ann.make_template(external_network_id="whatever")
    assert cloud.calls == []
