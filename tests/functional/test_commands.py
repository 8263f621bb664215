"""The programs as their users meet them: real processes, driven by the unmodified `openstack` command."""

import json
import os
import re
import stat
import subprocess
from collections.abc import Iterator

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from programs import COMMANDS, SECONDS, Openstack, end, free_port, start

from magnum.standalone.state import StateDirectory

TEMPLATE = ("--coe", "swarm-mode", "--image", "fake", "--external-network", "public")


@pytest.fixture(scope="module")
def state(tmp_path_factory) -> StateDirectory:
    state = StateDirectory(tmp_path_factory.mktemp("standalone") / "var")
    with state.held():
        state.prepare(host="127.0.0.1", port=free_port())
    with state.configuration.open("a") as file:
        file.write("\n[drivers]\ndisabled_drivers = local_swarm\n")
    return state


@pytest.fixture(scope="module")
def service(state) -> Iterator[subprocess.Popen[str]]:
    process = start("magnum-standalone", "--state-dir", state.path, ready="is ready")
    yield process
    assert end(process) == 0


@pytest.fixture(scope="module")
def openstack(service, state) -> Openstack:
    return Openstack(state.clouds)


@pytest.fixture(scope="module")
def template(openstack) -> str:
    openstack("coe", "cluster", "template", "create", "shared", *TEMPLATE)
    return "shared"


def test_a_whole_life_by_the_command_as_it_is_installed(service, state):
    def openstack(*arguments: str) -> str:
        done = subprocess.run(
            [COMMANDS / "openstack", *arguments],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=os.environ | {"OS_CLIENT_CONFIG_FILE": str(state.clouds)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    cloud = ("--os-cloud", "magnum", "coe", "cluster")
    openstack(*cloud, "template", "create", "first", *TEMPLATE)
    openstack(*cloud, "create", "first", "--cluster-template", "first", "--node-count", "2")
    listed = json.loads(openstack(*cloud, "list", "-f", "json"))
    assert [cluster["name"] for cluster in listed] == ["first"]
    in_process = Openstack(state.clouds)
    in_process.until("first", "CREATE_COMPLETE")
    openstack(*cloud, "delete", "first")
    in_process.until_gone("first")
    openstack(*cloud, "template", "delete", "first")


def test_templates(openstack):
    openstack("coe", "cluster", "template", "create", "small", *TEMPLATE, "--labels", "a=1,b=2")
    assert "small" in [item["name"] for item in openstack.show("coe", "cluster", "template", "list")]
    shown = openstack.show("coe", "cluster", "template", "show", "small")
    assert (shown["coe"], shown["cluster_distro"]) == ("swarm-mode", "fake")
    assert shown["labels"] == {"a": "1", "b": "2"}
    openstack("coe", "cluster", "template", "update", "small", "replace", "name=tiny", "labels=c=3")
    shown = openstack.show("coe", "cluster", "template", "show", shown["uuid"])
    assert (shown["name"], shown["labels"]) == ("tiny", {"c": "3"})
    openstack("coe", "cluster", "template", "delete", "tiny")
    assert "tiny" not in [item["name"] for item in openstack.show("coe", "cluster", "template", "list")]


def test_a_cluster_is_made_grows_shrinks_and_goes(openstack, template):
    openstack("coe", "cluster", "create", "web", "--cluster-template", template, "--node-count", "2")
    shown = openstack.until("web", "CREATE_COMPLETE")
    assert (shown["master_count"], shown["node_count"]) == (1, 2)
    assert len(shown["node_addresses"]) == 2
    assert shown["api_address"]
    openstack("coe", "cluster", "update", "web", "replace", "node_count=3")
    assert len(openstack.until("web", "UPDATE_COMPLETE")["node_addresses"]) == 3
    openstack("coe", "cluster", "update", "web", "replace", "node_count=1")
    for _ in range(200):
        if len(openstack.until("web", "UPDATE_COMPLETE")["node_addresses"]) == 1:
            break
    else:
        pytest.fail("it has not shrunk")
    openstack("coe", "cluster", "delete", "web")
    openstack.until_gone("web")


def test_certificates_and_client_configuration(openstack, template, tmp_path):
    openstack("coe", "cluster", "create", "secure", "--cluster-template", template)
    openstack.until("secure", "CREATE_COMPLETE")
    authority = x509.load_pem_x509_certificate(openstack("coe", "ca", "show", "secure").encode())

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    file = tmp_path / "request.pem"
    file.write_bytes(request.public_bytes(serialization.Encoding.PEM))
    signed = x509.load_pem_x509_certificate(openstack("coe", "ca", "sign", "secure", str(file)).encode())
    signed.verify_directly_issued_by(authority)
    assert signed.subject == name

    folder = tmp_path / "secure"
    folder.mkdir()
    exports = openstack("coe", "cluster", "config", "secure", "--dir", str(folder), "--force", "--output-certs")
    assert f"DOCKER_CERT_PATH={folder}" in exports
    client = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    client.verify_directly_issued_by(x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes()))
    openstack("coe", "cluster", "delete", "secure")
    openstack.until_gone("secure")


@pytest.fixture(scope="module")
def many(openstack, template) -> Iterator[str]:
    """A cluster for whatever is done to one that is there."""
    openstack("coe", "cluster", "create", "many", "--cluster-template", template)
    openstack.until("many", "CREATE_COMPLETE")
    yield "many"
    openstack("coe", "cluster", "delete", "many")
    openstack.until_gone("many")


def test_node_groups(openstack, many):
    def listed(*options: str) -> dict[str, int]:
        found = openstack.show("coe", "nodegroup", "list", many, *options)
        return {group["name"]: group["node_count"] for group in found}

    openstack("coe", "nodegroup", "create", many, "gpu", "--node-count", "2", "--max-nodes", "5", "--role", "gpu")
    openstack.until(many, "UPDATE_COMPLETE")
    assert listed() == {"default-master": 1, "default-worker": 1, "gpu": 2}
    assert listed("--role", "gpu") == {"gpu": 2}
    shown = openstack.show("coe", "nodegroup", "show", many, "gpu")
    assert (shown["status"], shown["max_node_count"], len(shown["node_addresses"])) == ("CREATE_COMPLETE", 5, 2)
    openstack("coe", "nodegroup", "update", many, "gpu", "replace", "min_node_count=1", "max_node_count=4")
    openstack.until(many, "UPDATE_COMPLETE")
    shown = openstack.show("coe", "nodegroup", "show", many, shown["uuid"])
    assert (shown["min_node_count"], shown["max_node_count"]) == (1, 4)
    openstack("coe", "cluster", "resize", many, "4", "--nodegroup", "gpu")
    openstack.until(many, "UPDATE_COMPLETE")
    assert listed()["gpu"] == 4
    assert "max_node_count" in openstack.refused("coe", "nodegroup", "create", many, "x", "--max-nodes", "0")
    openstack("coe", "nodegroup", "delete", many, "gpu")
    openstack.until(many, "UPDATE_COMPLETE")
    assert listed() == {"default-master": 1, "default-worker": 1}


def test_an_upgrade(openstack, many):
    openstack("coe", "cluster", "template", "create", "newer", *TEMPLATE, "--labels", "fake_version=2.0")
    openstack("coe", "cluster", "upgrade", many, "newer", "--max-batch-size", "2")
    shown = openstack.until(many, "UPDATE_COMPLETE")
    assert shown["coe_version"] == "2.0"
    newer = openstack.show("coe", "cluster", "template", "show", "newer")
    assert shown["cluster_template_id"] == newer["uuid"]


def test_the_rotation_of_the_ca_and_of_the_credential(openstack, many):
    before = openstack("coe", "ca", "show", many)
    openstack("coe", "ca", "rotate", many)
    openstack.until(many, "UPDATE_COMPLETE")
    after = openstack("coe", "ca", "show", many)
    assert after != before
    x509.load_pem_x509_certificate(after.encode())
    openstack("coe", "credential", "rotate", many)
    openstack.until(many, "UPDATE_COMPLETE")


def test_quotas(openstack):
    named = ("--project-id", "default", "--resource", "Cluster")

    def limit() -> str:
        """Read it off the table, which is all that this command prints."""
        return re.findall(r"hard_limit *\| *(\d+)", openstack("coe", "quotas", "show", *named))[0]

    assert limit() == "20"
    openstack("coe", "quotas", "create", *named, "--hard-limit", "9")
    assert limit() == "9"
    openstack("coe", "quotas", "update", *named, "--hard-limit", "12")
    listed = re.findall(r"\| *(\w+) *\| *Cluster *\| *(\d+) *\|", openstack("coe", "quotas", "list", "--all-tenants"))
    assert listed == [("default", "12")]
    openstack("coe", "quotas", "delete", *named)
    assert "Cluster" not in openstack("coe", "quotas", "list", "--all-tenants")
    assert limit() == "20"


def test_numbers_and_conductors(openstack, many):
    counted = dict(re.findall(r"(clusters|nodes) *\| *(\d+)", openstack("coe", "stats", "list", "default")))
    assert int(counted["clusters"]) >= 1
    assert int(counted["nodes"]) >= 2
    (conductor,) = openstack.show("coe", "service", "list")
    assert (conductor["binary"], conductor["state"]) == ("magnum-conductor", "up")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "x", "--cluster-template", "nonsense"), ["nonsense"]),
        (("create", "x", "--cluster-template", "shared", "--node-count", "-1"), ["node_count"]),
        (("create", "x", "--cluster-template", "shared", "--master-count", "2"), ["master_lb_enabled"]),
        (("create", "not_-good!", "--cluster-template", "shared"), ["name"]),
        (("template", "create", "x", "--coe", "nonsense", "--image", "fake", "--external-network", "p"), ["coe"]),
        (("template", "create", "x", "--coe", "swarm", "--image", "nonsense", "--external-network", "p"), ["image_id"]),
        (("show", "nonsense"), ["nonsense"]),
        (("update", "nonsense", "replace", "node_count=2"), ["nonsense"]),
    ],
)
def test_bad_input_is_refused_with_a_sentence_and_changes_nothing(openstack, template, arguments, words):
    def listed() -> list[str]:  # without the health, which is looked at now and then
        return [openstack("coe", "cluster", *more, "list", "-c", "uuid", "-c", "name") for more in ((), ("template",))]

    before = listed()
    said = openstack.refused("coe", "cluster", *arguments)
    for word in words:
        assert word in said
    assert "Traceback" not in said
    assert listed() == before


def test_it_listens_on_loopback_only(service):
    listening = subprocess.run(
        ["ss", "--listening", "--tcp", "--numeric", "--processes", "--no-header"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    own = [line.split()[3] for line in listening.splitlines() if f"pid={service.pid}," in line]
    assert own
    assert {address.rpartition(":")[0] for address in own} == {"127.0.0.1"}


def test_no_secret_is_readable_or_logged(openstack, state):
    password = yaml.safe_load(state.clouds.read_text())["clouds"]["magnum"]["auth"]["password"]
    key = state.encryption_key.read_text().strip()
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
    for file in (state.clouds, state.users, state.encryption_key, state.node_listener, state.path / "magnum.sqlite"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    for file in state.path.iterdir():
        if file not in (state.clouds, state.encryption_key):
            content = file.read_bytes() if file.is_file() else b""
            assert password.encode() not in content, file
            assert key.encode() not in content, file
    assert "PRIVATE KEY" not in state.log.read_text()


def test_a_second_one_on_the_same_directory_is_refused(service, state):
    done = subprocess.run(
        [COMMANDS / "magnum-standalone", "--state-dir", state.path, "--port", str(free_port())],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"magnum-standalone: The service of {state.path} is running already, as process {service.pid}.\n"
    )
