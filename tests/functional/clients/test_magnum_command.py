"""The old `magnum` command, which came with python-magnumclient up to 4.x, unmodified."""

import re
import time
from pathlib import Path

import pytest
import yaml
from certificate_requests import make_csr
from cryptography import x509
from real import BETWEEN_LOOKS, PASSWORD, Client, Person

TEMPLATE = ("--coe", "swarm-mode", "--image-id", "fake", "--external-network-id", "public")
ASK_NOBODY = {"help", "bash-completion"}


class OldPerson(Person):
    """Somebody who uses the old command. Of ways to log in it knows Keystone, or a token and where to send it."""

    program = "magnum"

    def __init__(self, client: Client, user: str, clouds: Path) -> None:
        super().__init__(client, user)
        cloud = yaml.safe_load(clouds.read_text())["clouds"][user]
        if cloud.get("auth_type") == "http_basic":
            self.who = ["--os-token", f"{user}:{PASSWORD}", "--os-endpoint-override", cloud["auth"]["endpoint"]]

    def column(self, command: str, name: str, *arguments: str) -> list[str]:
        """Read a column of a table."""
        rows = [line.strip("| ").split("|") for line in self(command, *arguments).splitlines() if line.startswith("|")]
        head = [cell.strip() for cell in rows[0]]
        return [row[head.index(name)].strip() for row in rows[1:]]

    def value(self, command: str, name: str, *arguments: str) -> str:
        """Read a row of a table of properties."""
        [found] = re.findall(rf"^\| {name} +\| (.*?) +\|$", self(command, *arguments), re.MULTILINE)
        return str(found)

    def until_status(self, cluster: str, status: str) -> None:
        for _ in range(200):
            if self.value("cluster-show", "status", cluster) == status:
                return
            time.sleep(BETWEEN_LOOKS)
        raise AssertionError(f"{cluster} is still {self.value('cluster-show', 'status', cluster)}")


@pytest.fixture(scope="module", params=["4.11.0", "4.9.0"])
def client(request, programs, clouds) -> Client:
    return Client(programs(request.param), clouds)


@pytest.fixture
def amy(client, clouds) -> OldPerson:
    return OldPerson(client, "amy", clouds)


def test_every_command(client, clouds, amy, tmp_path):
    """One life of a template and a cluster, in which every command is used that asks the service."""
    amy("cluster-template-create", "old", *TEMPLATE, "--docker-storage-driver", "overlay2")
    assert "old" in amy.column("cluster-template-list", "name")
    amy("cluster-template-update", "old", "replace", "dns_nameserver=9.9.9.9")
    assert amy.value("cluster-template-show", "dns_nameserver", "old") == "9.9.9.9"
    assert "accepted" in amy("cluster-create", "attic", "--cluster-template", "old")
    assert "attic" in amy.column("cluster-list", "name")
    amy.until_status("attic", "CREATE_COMPLETE")
    assert "swarm-mode" in amy("cluster-show", "attic", "--long")
    amy("cluster-update", "attic", "replace", "node_count=2")
    amy.until_status("attic", "UPDATE_COMPLETE")

    authority = x509.load_pem_x509_certificate(amy("ca-show", "--cluster", "attic").encode())
    request = tmp_path / "request.pem"
    request.write_text(make_csr())
    signed = amy("ca-sign", "--cluster", "attic", "--csr", str(request))
    x509.load_pem_x509_certificate(signed.encode()).verify_directly_issued_by(authority)
    assert f"DOCKER_CERT_PATH={tmp_path}" in amy("cluster-config", "attic", "--dir", str(tmp_path), "--force")

    eve = OldPerson(client, "eve", clouds)
    assert eve.column("cluster-list", "name") == []
    assert "could not be found (HTTP 404)" in eve.refused("cluster-show", "attic")
    assert "HTTP 403" in OldPerson(client, "rita", clouds)("cluster-delete", "attic")  # it says so, and ends with 0

    project = amy.value("cluster-template-show", "project_id", "old")  # Keystone has to know it
    admin, quota = OldPerson(client, "admin", clouds), ("--project-id", project, "--resource", "Cluster")
    admin("quotas-create", *quota, "--hard-limit", "2")
    assert project in admin.column("quotas-list", "project_id", "--all-tenants")
    admin("quotas-update", *quota, "--hard-limit", "3")
    assert admin.value("quotas-show", "hard_limit", *quota) == "3"
    assert "accepted" in admin("quotas-delete", *quota)
    assert admin.column("service-list", "state") == ["up"]
    assert "clusters" in amy("stats-list")
    # Logged in by a token alone, the command fails over the answer to ca-rotate, whatever it is.
    rotated = amy.run("ca-rotate", "--cluster", "attic")
    assert rotated["code"] == 0 or "no attribute 'items'" in rotated["err"]
    amy("cluster-delete", "attic")
    for _ in range(200):
        if "attic" not in amy.column("cluster-list", "name"):
            break
        time.sleep(BETWEEN_LOOKS)
    amy("cluster-template-delete", "old")
    assert "old" not in amy.column("cluster-template-list", "name")

    offered = set(re.findall(r"^    ([a-z][a-z-]+)", amy("help"), re.MULTILINE))
    assert offered - ASK_NOBODY == client.used - ASK_NOBODY
