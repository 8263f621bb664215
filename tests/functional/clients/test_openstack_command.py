"""Every `openstack coe` command of three versions of the plug-in, unmodified, as people of two projects use them."""

import re

import pytest
from certificate_requests import make_csr
from cryptography import x509
from real import Client, Person

TEMPLATE = ("--coe", "swarm-mode", "--image", "fake", "--external-network", "public")


def is_newest(client: Client) -> bool:
    return client.version.startswith("5.")


def change(client: Client, newer: tuple[str, ...], older: tuple[str, ...]) -> tuple[str, ...]:
    """Give the arguments of an update: the newest plug-in has options, the older ones `OPERATION ATTRIBUTE=VALUE`."""
    return newer if is_newest(client) else older


@pytest.fixture
def amy(client) -> Person:
    return client.person("amy")


@pytest.fixture
def template(client, amy) -> str:
    name = f"t-{client.version}".replace(".", "-")
    if name not in [item["name"] for item in amy.show("coe cluster template list")]:
        amy("coe cluster template create", name, *TEMPLATE)
    return name


@pytest.fixture
def cluster(client, amy, template) -> str:
    """A cluster of Amy's that is ready."""
    name = f"c-{client.version}".replace(".", "-")
    if name not in [item["name"] for item in amy.show("coe cluster list")]:
        amy("coe cluster create", name, "--cluster-template", template)
    amy.until(name, "CREATE_COMPLETE", "UPDATE_COMPLETE")
    return name


def test_templates(client, amy):
    amy("coe cluster template create", "small", *TEMPLATE, "--labels", "a=1,b=2")
    assert "small" in [item["name"] for item in amy.show("coe cluster template list")]
    shown = amy.show("coe cluster template show", "small")
    assert (shown["coe"], shown["labels"]) == ("swarm-mode", {"a": "1", "b": "2"})
    newer = ("--name", "tiny", "--label", "c=3", "--no-label", "a", "--dns-nameserver", "9.9.9.9")
    older = ("replace", "name=tiny", "labels=b=2,c=3", "dns_nameserver=9.9.9.9")
    amy("coe cluster template update", "small", *change(client, newer, older))
    shown = amy.show("coe cluster template show", shown["uuid"])
    assert (shown["name"], shown["labels"], shown["dns_nameserver"]) == ("tiny", {"b": "2", "c": "3"}, "9.9.9.9")
    amy("coe cluster template delete", "tiny")
    assert "tiny" not in [item["name"] for item in amy.show("coe cluster template list")]


def test_a_cluster_is_made_grows_and_goes(client, amy, template):
    assert "accepted" in amy("coe cluster create", "web", "--cluster-template", template, "--labels", "a=1")
    shown = amy.until("web", "CREATE_COMPLETE")
    assert (shown["master_count"], shown["node_count"], shown["labels"]["a"]) == (1, 1, "1")
    assert "web" in [item["name"] for item in amy.show("coe cluster list", "--limit", "9", "--sort-key", "name")]
    older = ("replace", "node_count=2")
    amy("coe cluster update", "web", *change(client, ("--node-count", "2"), older))
    assert len(amy.until("web", "UPDATE_COMPLETE")["node_addresses"]) == 2
    amy("coe cluster resize", "web", "3")
    assert amy.show("coe cluster show", "web")["node_count"] == 3
    assert len(amy.until("web", "UPDATE_COMPLETE")["node_addresses"]) == 3
    amy("coe cluster delete", "web")
    amy.until_gone("web")


def test_certificates(amy, cluster, tmp_path):
    authority = x509.load_pem_x509_certificate(amy("coe ca show", cluster).encode())
    request = tmp_path / "request.pem"
    request.write_text(make_csr())
    signed = x509.load_pem_x509_certificate(amy("coe ca sign", cluster, str(request)).encode())
    signed.verify_directly_issued_by(authority)
    exports = amy("coe cluster config", cluster, "--dir", str(tmp_path), "--output-certs")
    assert f"DOCKER_CERT_PATH={tmp_path}" in exports
    mine = x509.load_pem_x509_certificate((tmp_path / "cert.pem").read_bytes())
    mine.verify_directly_issued_by(authority)


def test_a_reader_looks_and_changes_nothing(client, cluster, template):
    rita = client.person("rita")
    assert cluster in [item["name"] for item in rita.show("coe cluster list")]
    assert rita.show("coe cluster show", cluster)["name"] == cluster
    for command, *arguments in (
        ("coe cluster create", "mine", "--cluster-template", template),
        ("coe cluster delete", cluster),
        ("coe cluster resize", cluster, "5"),
        ("coe cluster template create", "mine", *TEMPLATE),
        ("coe ca show", cluster),
    ):
        assert "(HTTP 403)" in rita.refused(command, *arguments)
    assert rita.show("coe cluster show", cluster)["node_count"] == 1


def test_a_colleague_changes_the_cluster_and_has_no_certificate_of_it(client, cluster):
    manager = client.person("max")
    assert "(HTTP 403)" in manager.refused("coe ca show", cluster)
    manager("coe cluster resize", cluster, "2")
    manager("coe cluster resize", cluster, "1")
    manager.until(cluster, "UPDATE_COMPLETE")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("coe cluster show", ("CLUSTER",)),
        ("coe cluster delete", ("CLUSTER",)),
        ("coe cluster resize", ("CLUSTER", "2")),
        ("coe ca show", ("CLUSTER",)),
        ("coe cluster template show", ("TEMPLATE",)),
        ("coe cluster template delete", ("TEMPLATE",)),
        ("coe cluster create", ("x", "--cluster-template", "TEMPLATE")),
    ],
)
def test_another_project_does_not_learn_what_there_is(client, cluster, template, command, arguments):
    eve = client.person("eve")

    def said_of(**names: str) -> str:
        done = eve.run(command, *[names.get(argument, argument) for argument in arguments])
        said = f"{done['code']} {done['out']} {done['err']}".partition("(Request-ID")[0]
        for name in names.values():
            said = said.replace(name, "NAME")
        return said

    assert said_of(CLUSTER=cluster, TEMPLATE=template) == said_of(CLUSTER="c-none", TEMPLATE="t-none")


def test_another_project_sees_nothing_in_its_lists(client, cluster, template):
    eve = client.person("eve")
    assert eve.show("coe cluster list") == []
    assert eve.show("coe cluster template list") == []


def test_an_administrator_sees_every_project(client, cluster):
    admin = client.person("admin")
    assert cluster in [item["name"] for item in admin.show("coe cluster list")]
    assert admin.show("coe cluster show", cluster)["status"].endswith("_COMPLETE")


def test_node_groups_upgrades_and_rotations(client, amy, template):
    amy("coe cluster create", "other", "--cluster-template", template)
    amy.until("other", "CREATE_COMPLETE")
    amy("coe nodegroup create", "other", "more")
    names = [group["name"] for group in amy.show("coe nodegroup list", "other")]
    assert names == ["default-master", "default-worker", "more"]
    amy.until("other", "CREATE_COMPLETE", "UPDATE_COMPLETE")
    limit = change(client, ("--max-nodes", "3"), ("replace", "max_node_count=3"))
    amy("coe nodegroup update", "other", "default-worker", *limit)
    assert amy.show("coe nodegroup show", "other", "default-worker")["max_node_count"] == 3
    for command, *arguments in (
        ("coe nodegroup delete", "other", "more"),
        ("coe cluster upgrade", "other", template),
        ("coe ca rotate", "other"),
        ("coe credential rotate", "other"),
    ):
        amy.until("other", "CREATE_COMPLETE", "UPDATE_COMPLETE")
        assert "accepted" in amy(command, *arguments)
    amy("coe cluster delete", "other")
    amy.until_gone("other")


def test_quotas_services_and_counts(client, amy, template):
    project = amy.show("coe cluster template show", template)["project_id"]  # Keystone has to know it
    admin, quota = client.person("admin"), ("--project-id", project, "--resource", "Cluster")
    admin("coe quotas create", *quota, "--hard-limit", "2")
    assert project in admin("coe quotas list", "--all-tenants")
    admin("coe quotas update", *quota, "--hard-limit", "3")
    assert re.search(r"hard_limit +\| 3 ", admin("coe quotas show", *quota))
    assert "accepted" in admin("coe quotas delete", *quota)
    assert [service["state"] for service in admin.show("coe service list")] == ["up"]
    assert "clusters" in admin("coe stats list", project)


def test_no_command_of_the_plug_in_has_been_left_out(client):
    """Runs last: what the tests above have used is all that there is."""
    assert client.used >= client.commands
