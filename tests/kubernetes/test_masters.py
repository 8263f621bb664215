"""Three masters behind a load balancer: any of them may die, and the API goes on answering."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from programs import Kubectl, Standalone, first_process, inside, run_inside

pytestmark = pytest.mark.root
NAME = "steady"
SECONDS = 180
"""For what takes some ten seconds on a machine that has nothing else to do."""
IN_A_ROW = 20


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Standalone]:
    with Standalone(tmp_path_factory.mktemp("masters") / "var", "[conductor]\nquiet_period = 1\n") as service:
        yield service


@pytest.fixture(scope="module")
def cluster(service) -> dict:
    kind = ("--coe", "kubernetes", "--network-driver", "bridge", "--image", "debian-12", "--external-network", "public")
    flavors = ("--master-flavor", "m1.medium", "--flavor", "m1.small", "--master-lb-enabled")
    service.openstack("coe", "cluster", "template", "create", "masters", *kind, *flavors)
    counts = ("--master-count", "3", "--node-count", "1")
    service.openstack("coe", "cluster", "create", NAME, "--cluster-template", "masters", *counts)
    return service.until(NAME, "CREATE_COMPLETE", seconds=480)


@pytest.fixture(scope="module")
def kubectl(service, cluster, tmp_path_factory) -> Kubectl:
    return Kubectl.configured(service.openstack, NAME, tmp_path_factory.mktemp("config"))


def named(service: Standalone, cluster: dict, role: str) -> list[str]:
    return [path.name for path in service.machine_folders(cluster["uuid"]) if f"-{role}-" in path.name]


def test_all_are_ready_behind_one_address(service, cluster, kubectl):
    masters = named(service, cluster, "master")
    assert len(masters) == 3
    assert cluster["api_address"].rpartition(":")[0].rpartition("/")[2] not in cluster["master_addresses"]
    assert kubectl.nodes() == dict.fromkeys([*masters, *named(service, cluster, "worker")], True)


def test_etcd_has_a_member_on_each(service, cluster):
    masters = named(service, cluster, "master")
    told = json.loads(etcdctl(masters[0], "member", "list", "--write-out=json").stdout)
    assert {member["name"] for member in told["members"]} == set(masters)


def test_the_load_balancer_holds_no_key(service, cluster):
    [balancer] = named(service, cluster, "api")
    found = inside(balancer, "sh", "-c", "ls /etc/magnum /etc/kubernetes /opt/kubernetes 2>/dev/null || true")
    assert found == ""


def test_a_token_of_one_master_is_believed_by_the_others(service, cluster, kubectl):
    """They share the key that signs them."""
    account = kubectl.get("serviceaccount", "default")
    secret = kubectl.get("secret", account["secrets"][0]["name"])
    for address in cluster["master_addresses"]:
        token = secret["data"]["token"]
        command = f'curl -sk -o /dev/null -w "%{{http_code}}" -H "Authorization: Bearer $(echo {token} | base64 -d)"'
        url = f"https://{address}:6443/api/v1/namespaces/default/pods"
        assert (
            inside(named(service, cluster, "worker")[0], "sh", "-c", f"{command} {url}") == "403"
        )  # known, and refused


@pytest.mark.parametrize("number", [0, 1, 2])
def test_any_one_may_die_and_the_api_answers_again(service, cluster, kubectl, number, record_testsuite_property):
    masters = named(service, cluster, "master")
    victim = masters.pop(number)
    try:
        os.kill(first_process(victim), signal.SIGKILL)  # as the power would
        silent = seconds_until_it_answers_again(kubectl, f"written-without-{number}")
        record_testsuite_property(f"seconds without an API when master {number} died", round(silent, 1))
    finally:
        service.kill()
        service.start()  # which switches the machine on again
    deadline = time.monotonic() + SECONDS
    while etcdctl(masters[0], "endpoint", "health", "--cluster").returncode != 0:
        assert time.monotonic() < deadline, f"{victim} did not come back"
        time.sleep(0.5)


def seconds_until_it_answers_again(kubectl: Kubectl, name: str) -> float:
    """Write until that has gone well some times running: etcd may yet choose a leader. Say when it last went wrong."""
    began, failed, in_a_row, number = time.monotonic(), 0.0, 0, 0
    while in_a_row < IN_A_ROW:
        number += 1
        done = kubectl.run("create", "configmap", f"{name}-{number}", "--request-timeout=3s")
        passed = time.monotonic() - began
        assert passed < SECONDS, done.stderr
        in_a_row = in_a_row + 1 if done.returncode == 0 else 0
        failed = failed if done.returncode == 0 else passed
    return failed


def etcdctl(master: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Ask as the API server does."""
    own = "/etc/magnum/certificates/apiserver-etcd"
    files = ("--cacert=/etc/magnum/certificates/etcd-ca.crt", f"--cert={own}.crt", f"--key={own}.key")
    return run_inside(master, "etcdctl", "--endpoints=https://127.0.0.1:2379", *files, *arguments)


def test_it_is_deleted_with_all_that_it_had(service, cluster):
    service.openstack("coe", "cluster", "delete", NAME)
    service.until_gone(NAME, seconds=120)
    assert service.machine_folders(cluster["uuid"]) == []
