"""The life of a cluster template, as clients and people of several projects see it."""

import uuid

import pytest

from magnum.conf.cluster_template import ClusterTemplate

pytestmark = pytest.mark.live

UNKNOWN = "99999999-9999-4999-8999-999999999999"


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


@pytest.fixture
def cluster_of(world, ann):
    """Make a cluster that is complete."""

    def run(template: str, **more) -> str:
        uuid = ann.make_cluster(template, **more)
        world.set_status(uuid, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
        return uuid

    return run


# ---- create


def test_a_template_is_made_of_an_image_and_an_engine(world, ann):
    answer = ann.post("/clustertemplates", {"coe": "swarm-mode", "image_id": "fake"}, headers={"Host": "api"})
    assert answer.status_code == 201
    made = answer.json
    assert answer.headers["location"] == f"http://api/v1/clustertemplates/{made['uuid']}"
    assert made["links"] == [
        {"href": f"http://api/v1/clustertemplates/{made['uuid']}", "rel": "self"},
        {"href": f"http://api/clustertemplates/{made['uuid']}", "rel": "bookmark"},
    ]
    assert made["name"].endswith("-template")
    assert made | {"uuid": 0, "name": 0, "links": 0} == {
        "uuid": 0,
        "name": 0,
        "links": 0,
        "coe": "swarm-mode",
        "image_id": "fake",
        "cluster_distro": "fake",
        "driver": "fake",
        "network_driver": "docker",
        "server_type": "vm",
        "labels": {},
        "project_id": "fishers",
        "user_id": "ann",
        "created_at": made["created_at"],
        "updated_at": None,
        "floating_ip_enabled": True,
        **dict.fromkeys(("registry_enabled", "tls_disabled", "public", "hidden", "master_lb_enabled"), False),
        **dict.fromkeys(("flavor_id", "master_flavor_id", "keypair_id", "external_network_id", "fixed_network")),
        **dict.fromkeys(("fixed_subnet", "volume_driver", "dns_nameserver", "apiserver_port", "docker_volume_size")),
        **dict.fromkeys(("docker_storage_driver", "http_proxy", "https_proxy", "no_proxy", "insecure_registry")),
        "tags": None,
    }
    assert world.is_now(made["created_at"])
    assert ann.get(f"/clustertemplates/{made['uuid']}", headers={"Host": "api"}).json == made


def test_what_the_command_line_sends_is_taken(ann):
    """Every attribute, null for what was not given."""
    nulls = (
        *("keypair_id", "fixed_network", "fixed_subnet", "network_driver", "volume_driver", "master_flavor_id"),
        *("docker_volume_size", "http_proxy", "https_proxy", "no_proxy", "insecure_registry", "driver"),
    )
    body = dict.fromkeys(nulls) | {
        "name": "k8s",
        "image_id": "fake",
        "external_network_id": "public",
        "coe": "kubernetes",
        "dns_nameserver": "8.8.8.8",
        "flavor_id": "m1.small",
        "docker_storage_driver": "overlay2",
        "labels": {},
        "tls_disabled": False,
        "public": False,
        "registry_enabled": False,
        "server_type": "vm",
        "master_lb_enabled": False,
        "tags": "a,b",
    }
    made = ann.make_template(**body)
    assert (made["network_driver"], made["driver"], made["tags"]) == ("flannel", "fake", "a,b")


def test_an_administrator_may_choose_the_uuid_once(root):
    chosen = str(uuid.uuid4())
    assert root.make_template(uuid=chosen.upper())["uuid"] == chosen
    again = root.post("/clustertemplates", {"uuid": chosen, "coe": "swarm", "image_id": "fake"})
    assert again.status_code == 409


def test_others_cannot_learn_by_a_uuid_whether_a_template_exists(ann, eve):
    hers = eve.make_template()["uuid"]
    made = [ann.make_template(uuid=chosen)["uuid"] for chosen in (hers, str(uuid.uuid4()))]
    assert len({hers, *made}) == 3
    assert [one["uuid"] for one in ann.get("/clustertemplates").json["clustertemplates"]] == made


def test_values_are_coerced_the_way_clients_send_them(ann):
    made = ann.make_template(
        docker_volume_size="25",
        public="False",
        tls_disabled="ON",
        registry_enabled="n",
        labels={"count": 1, "flag": True, "share": 1.5, "text": "x"},
    )
    assert (made["docker_volume_size"], made["tls_disabled"], made["registry_enabled"]) == (25, True, False)
    assert made["labels"] == {"count": "1", "flag": "True", "share": "1.5", "text": "x"}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"image_id": "nothing"}, "image_id must name an image that exists"),
        ({"image_id": "bare"}, "The image needs the property os_distro"),
        ({"image_id": "suse"}, "This type of cluster is not supported"),
        ({"driver": "nothing"}, "This type of cluster is not supported"),
        ({"coe": "dcos"}, "The COE dcos is not supported"),
        ({"coe": "nomad"}, "coe must be one of kubernetes"),
        ({"coe": "Kubernetes"}, "coe must be one of kubernetes"),
        ({"server_type": "lxc"}, "server_type must be one of vm, bm"),
        ({"network_driver": "calico"}, "The network_driver calico is not supported for swarm-mode"),
        ({"volume_driver": "cinder"}, "The volume_driver cinder is not supported for swarm-mode"),
        ({"docker_storage_driver": "devicemapper"}, "docker_volume_size must be at least 3 (GB)"),
        ({"flavor_id": "huge"}, "flavor_id must name a flavor that exists"),
        ({"master_flavor_id": "huge"}, "master_flavor_id must name a flavor that exists"),
        ({"labels": {"use_podman": "perhaps"}}, "The label use_podman must be true or false"),
        ({"labels": {"swarm_strategy": "chaos"}}, "The label swarm_strategy must be made of"),
        ({"labels": {"mesos_slave_isolation": "none"}}, "The label mesos_slave_isolation must be made of"),
        ({"labels": {"mesos_slave_image_providers": "docker"}}, "The label mesos_slave_image_providers with docker"),
        ({"labels": {"mesos_slave_executor_env_variables": "{"}}, "The label mesos_slave_executor_env_variables"),
        ({"dns_nameserver": "8.8.8.8,nine"}, "dns_nameserver must be an IPv4 address"),
        ({"project_id": "others"}, "The attribute project_id of a cluster template is read-only"),
        ({"colour": "red"}, "Unknown attribute for a cluster template: 'colour'"),
        ({"image_id": None}, "The mandatory attribute image_id is missing"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(ann, more, says):
    answer = ann.post("/clustertemplates", {"coe": "swarm-mode", "image_id": "fake"} | more)
    assert answer.status_code == 400
    assert title(answer).startswith(says)
    assert ann.get("/clustertemplates").json["clustertemplates"] == []


@pytest.mark.in_process
def test_the_operators_allow_list_is_obeyed(world, ann):
    world.configure(
        cluster_template=ClusterTemplate(
            kubernetes_allowed_network_drivers=("calico",), kubernetes_default_network_driver="calico"
        )
    )
    assert ann.make_template(coe="kubernetes")["network_driver"] == "calico"
    answer = ann.post("/clustertemplates", {"coe": "kubernetes", "image_id": "fake", "network_driver": "flannel"})
    assert answer.status_code == 400
    assert title(answer) == "The network_driver flannel is not allowed here for kubernetes; allowed are calico"


def test_validation_comes_before_the_policy(reader):
    assert reader.post("/clustertemplates", {"coe": "dcos", "image_id": "fake"}).status_code == 400
    answer = reader.post("/clustertemplates", {"coe": "swarm", "image_id": "fake"})
    assert answer.status_code == 403
    assert "clustertemplate:create" in title(answer)


def test_machines_without_a_disk_need_a_volume_to_boot_from(ann, cluster_of):
    """Of templates, clusters, node groups, and clusters that are resized."""
    diskless = {"coe": "swarm-mode", "image_id": "fake", "flavor_id": "m1.diskless"}
    refused = [
        ann.post("/clustertemplates", diskless),
        ann.post("/clustertemplates", diskless | {"flavor_id": None, "master_flavor_id": "3"}),
        ann.post("/clustertemplates", diskless | {"labels": {"boot_volume_size": "0"}}),
        ann.post("/clustertemplates", diskless | {"labels": {"boot_volume_size": ""}}),
    ]
    with_volume, without = ann.make_template(labels={"boot_volume_size": "10"}), ann.make_template(name="small")
    made = cluster_of(with_volume["uuid"], name="web", flavor_id="m1.diskless")
    cluster_of(without["uuid"], name="other", flavor_id="1")
    refused += [
        ann.post("/clusters", {"cluster_template_id": without["uuid"], "flavor_id": "3"}),
        ann.post("/clusters", {"cluster_template_id": with_volume["uuid"], "flavor_id": "3", "labels": {"a": "b"}}),
        ann.post("/clusters/other/nodegroups", {"name": "more", "flavor_id": "3"}),
    ]
    for answer in refused:
        assert (answer.status_code, "flavor with a disk" in title(answer)) == (400, True), answer.text
    grow = [{"op": "replace", "path": "/node_count", "value": 2}]
    assert ann.patch(f"/clusters/{made}", grow).status_code == 202


@pytest.mark.parametrize("size", ["x", "-1", "1.5", "9" * 5000, "\u0663"])
def test_the_size_of_the_volume_is_a_number(ann, size):
    answer = ann.post(
        "/clustertemplates", {"coe": "swarm-mode", "image_id": "fake", "labels": {"boot_volume_size": size}}
    )
    assert (answer.status_code, "boot_volume_size" in title(answer)) == (400, True)


# ---- read


def test_collections_hold_full_objects(ann):
    made = ann.make_template()
    for path in ("/clustertemplates", "/clustertemplates/", "/clustertemplates/detail"):
        assert ann.get(path).json == {"clustertemplates": [made]}


def test_pages_lead_to_each_other(ann):
    names = [ann.make_template(name=f"t{number}")["name"] for number in range(5)]
    page = ann.get("/clustertemplates", params={"limit": "2", "sort_key": "name", "sort_dir": "desc"}).json
    seen = [template["name"] for template in page["clustertemplates"]]
    while "next" in page:
        path = page["next"].split("/v1", 1)[1]
        page = ann.get(path.partition("?")[0], query_string=path.partition("?")[2]).json
        seen += [template["name"] for template in page["clustertemplates"]]
    assert seen == sorted(names, reverse=True)


def test_the_next_link_names_the_page_in_the_known_order(ann):
    first = ann.make_template()
    ann.make_template(name="second")
    page = ann.get("/clustertemplates/detail", params={"limit": "1"}, headers={"Host": "api"}).json
    assert page["next"] == (
        f"http://api/v1/clustertemplates/detail?sort_key=id&sort_dir=asc&limit=1&marker={first['uuid']}"
    )


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 400),
        ("limit=-1", 400),
        ("limit=x", 400),
        ("limit=99999999999999999999", 400),
        ("marker=x", 400),
        (f"marker={UNKNOWN}", 404),
        ("sort_key=colour", 400),
        ("sort_key=trustee_password", 400),
        ("sort_dir=up", 400),
        ("limit=1&limit=2", 400),
        ("colour=red", 400),
    ],
)
def test_a_page_that_makes_no_sense_is_refused(ann, query, status):
    assert ann.get("/clustertemplates", query_string=query).status_code == status


def test_a_template_is_found_by_uuid_in_any_form_or_by_exact_name(ann):
    made = ann.make_template(name="Swarm")
    plain = uuid.UUID(made["uuid"]).hex
    for ident in (made["uuid"], made["uuid"].upper(), plain, "Swarm"):
        assert ann.get(f"/clustertemplates/{ident}").json["uuid"] == made["uuid"]
    assert ann.get("/clustertemplates/swarm").status_code == 404
    ann.make_template(name="Swarm")
    assert ann.get("/clustertemplates/Swarm").status_code == 409


@pytest.mark.parametrize("ident", ["%00", "a%00b", "%0a", "x" * 300, "%ff", UNKNOWN])
def test_what_cannot_be_a_name_is_not_found(ann, ident):
    assert ann.get(f"/clustertemplates/{ident}").status_code == 404


# ---- public, hidden, and other projects


def patch(who, ident, *operations):
    return who.patch(
        f"/clustertemplates/{ident}", [dict(zip(("op", "path", "value"), o, strict=False)) for o in operations]
    )


def test_only_administrators_publish(ann, root):
    for attribute in ("public", "hidden"):
        body = {"coe": "swarm", "image_id": "fake", attribute: True}
        assert ann.post("/clustertemplates", body).status_code == 403
    ann.make_template()
    assert patch(ann, "swarm", ("replace", "/public", True)).status_code == 403
    assert patch(root, "swarm", ("replace", "/public", True)).json["public"] is True


def test_who_sees_which_template(ann, eve, root):
    made = {
        "private": ann.make_template(name="private"),
        "public": root.make_template(name="public", public=True),
        "public hidden": root.make_template(name="public hidden", public=True, hidden=True),
        "hidden": root.make_template(name="hidden", hidden=True),
    }

    def listed(who):
        return {template["name"] for template in who.get("/clustertemplates").json["clustertemplates"]}

    def shown(who):
        return {
            name
            for name, template in made.items()
            if who.get(f"/clustertemplates/{template['uuid']}").status_code == 200
        }

    assert listed(ann) == shown(ann) == {"private", "public"}
    assert listed(eve) == shown(eve) == {"public"}
    assert listed(root) == shown(root) == set(made)


def test_a_public_template_is_not_everybodys_to_change(root, eve):
    made = root.make_template(public=True)
    assert patch(eve, made["uuid"], ("replace", "/name", "mine")).status_code == 403
    assert eve.delete(f"/clustertemplates/{made['uuid']}").status_code == 403
    assert eve.get(f"/clustertemplates/{made['uuid']}").json == made


def test_the_private_templates_of_others_are_not_there(ann, eve):
    made = ann.make_template()
    for answer in (
        eve.get(f"/clustertemplates/{made['uuid']}"),
        patch(eve, made["uuid"], ("replace", "/name", "mine")),
        eve.delete(f"/clustertemplates/{made['uuid']}"),
    ):
        assert answer.status_code == 404
        assert answer.json["errors"][0]["detail"] == f"ClusterTemplate {made['uuid']} could not be found."


def test_administrators_change_and_delete_the_templates_of_all_projects(ann, root):
    made = ann.make_template()
    assert patch(root, made["uuid"], ("replace", "/name", "checked")).json["project_id"] == "fishers"
    assert root.delete(f"/clustertemplates/{made['uuid']}").status_code == 204


def test_a_name_of_ones_own_that_is_also_public_is_ambiguous(ann, root):
    root.make_template(public=True)
    ann.make_template()
    assert ann.get("/clustertemplates/swarm").status_code == 409


def test_readers_read(ann, reader):
    made = ann.make_template()
    assert reader.get("/clustertemplates").json["clustertemplates"] == [made]
    assert patch(reader, "swarm", ("replace", "/name", "x")).status_code == 403
    assert reader.delete("/clustertemplates/swarm").status_code == 403


def test_without_a_role_nothing_is_allowed(world, ann):
    ann.make_template()
    nobody = world.person("nick", "fishers", "guest")
    assert nobody.get("/clustertemplates").status_code == 403
    assert nobody.get("/clustertemplates/swarm").status_code == 403
