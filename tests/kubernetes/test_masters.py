"""One cluster's masters: from one to three while the API answers, any of which may die, and back to one.

Each test goes on with what the one before it has left.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from programs import Kubectl, Standalone, first_process, inside, run_inside

pytestmark = pytest.mark.root
NAME = "steady"
SECONDS = 600
"""For what takes some ten seconds on a machine that has nothing else to do."""
NO_LOOKS = "[kubernetes]\nhealth_polling_interval = -1\n"
LOOKS = "[kubernetes]\nhealth_polling_interval = 10\n"
RESUMED = "operations are claimed from now on"
"""What the log says when all machines have been switched on."""
IN_A_ROW = 20
SILENCE = 60.0
"""Seconds after which the API is taken for silent. While its masters come and go it is some two, on a quiet machine."""


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Standalone]:
    with Standalone(
        tmp_path_factory.mktemp("masters") / "var", f"[conductor]\nquiet_period = 1\n{NO_LOOKS}"
    ) as service:
        yield service


@pytest.fixture(scope="module")
def cluster(service) -> dict:
    kind = ("--coe", "kubernetes", "--network-driver", "bridge", "--image", "debian-12", "--external-network", "public")
    flavors = ("--master-flavor", "m1.medium", "--flavor", "m1.small", "--master-lb-enabled")
    flavors += ("--labels", "auto_healing_enabled=true")
    service.openstack("coe", "cluster", "template", "create", "masters", *kind, *flavors)
    counts = ("--master-count", "1", "--node-count", "2")
    service.openstack("coe", "cluster", "create", NAME, "--cluster-template", "masters", *counts)
    return service.until(NAME, "CREATE_COMPLETE", seconds=480)


@pytest.fixture(scope="module")
def kubectl(service, cluster, tmp_path_factory) -> Kubectl:
    return Kubectl.configured(service.openstack, NAME, tmp_path_factory.mktemp("config"))


def named(service: Standalone, cluster: dict, role: str) -> list[str]:
    return [path.name for path in service.machine_folders(cluster["uuid"]) if f"-{role}-" in path.name]


def shown(service: Standalone) -> dict:
    return service.get(f"/clusters/{service.named(NAME)['uuid']}")


def restart(service: Standalone) -> None:
    """Come back when all machines that were dead have been switched on again: who dies from then on stays dead."""
    log = service.state.path / "magnum.log"
    service.kill()
    before = log.read_text().count(RESUMED)
    service.start()
    until_so(lambda: log.read_text().count(RESUMED) > before, "the machines are not switched on again")


def resize(service: Standalone, count: int) -> dict:
    service.openstack("coe", "cluster", "resize", NAME, str(count), "--nodegroup", "default-master")
    return service.until(NAME, "UPDATE_COMPLETE", seconds=SECONDS)


class Probe:
    """Somebody who writes all the time; `silence` is the longest time without success."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self._ended = threading.Event()
        self._last = time.monotonic()
        self.silence = 0.0
        self.written = 0

    def run(self) -> None:
        while not self._ended.is_set():
            value = f"--from-literal=number={self.written}"
            made = self._kubectl.run(
                "create", "configmap", f"probe-{time.monotonic_ns()}", value, "--request-timeout=3s"
            )
            if made.returncode == 0:
                now = time.monotonic()
                self.silence, self._last, self.written = max(self.silence, now - self._last), now, self.written + 1
            self._ended.wait(0.2)

    def end(self) -> None:
        self._ended.set()


@contextmanager
def probing(kubectl: Kubectl) -> Iterator[Probe]:
    probe = Probe(kubectl)
    thread = threading.Thread(target=probe.run)
    thread.start()
    try:
        yield probe
    finally:
        probe.end()
        thread.join()


def endpoints(kubectl: Kubectl) -> set[str]:
    """Give the addresses at which pods find the API."""
    subsets = kubectl.get("endpoints", "kubernetes")["subsets"]
    return {address["ip"] for subset in subsets for address in subset["addresses"]}


def etcd_members(master: str) -> dict[str, bool]:
    """Say of each member, by name, whether it is a learner."""
    told = json.loads(etcdctl(master, "member", "list", "--write-out=json").stdout)
    return {member["name"]: member.get("isLearner", False) for member in told["members"]}


def until_so(is_so, what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def test_one_master_becomes_three_while_the_api_answers(service, cluster, kubectl, record_testsuite_property):
    [first] = named(service, cluster, "master")
    assert service.openstack.refused("coe", "cluster", "resize", NAME, "2", "--nodegroup", "default-master")
    began = time.monotonic()
    with probing(kubectl) as probe:
        now = resize(service, 3)
    record_testsuite_property("seconds from one master to three", round(time.monotonic() - began, 1))
    record_testsuite_property("longest silence of the API meanwhile", round(probe.silence, 1))
    assert probe.written > 0
    assert probe.silence < SILENCE
    masters = named(service, cluster, "master")
    assert len(masters) == now["master_count"] == len(now["master_addresses"]) == 3
    assert now["api_address"] == cluster["api_address"]
    assert now["api_address"].rpartition(":")[0].rpartition("/")[2] not in now["master_addresses"]
    assert kubectl.nodes() == dict.fromkeys([*masters, *named(service, cluster, "worker")], True)
    assert etcd_members(first) == dict.fromkeys(masters, False)
    until_so(lambda: endpoints(kubectl) == set(now["master_addresses"]), "a master is no endpoint of the API")


def test_the_load_balancer_holds_no_key(service, cluster):
    [balancer] = named(service, cluster, "api")
    found = inside(balancer, "sh", "-c", "ls /etc/magnum /etc/kubernetes /opt/kubernetes 2>/dev/null || true")
    assert found == ""


def test_a_token_of_one_master_is_believed_by_the_others(service, cluster, kubectl):
    """They share the key that signs them."""
    account = kubectl.get("serviceaccount", "default")
    secret = kubectl.get("secret", account["secrets"][0]["name"])
    for address in shown(service)["master_addresses"]:
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
        restart(service)  # which switches the machine on again
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


def test_a_master_and_a_worker_that_die_are_replaced(service, cluster, kubectl, record_testsuite_property):
    """Nobody looked until now, so those that came back have been left alone."""
    configuration = service.state.configuration.read_text()
    service.state.configuration.write_text(configuration.replace(NO_LOOKS, LOOKS))
    restart(service)
    until_so(lambda: shown(service)["health_status"] == "HEALTHY", "it is not well to begin with")
    masters, [worker, _] = named(service, cluster, "master"), named(service, cluster, "worker")
    with probing(kubectl) as probe:
        began = time.monotonic()
        for victim in (masters[0], worker):
            os.kill(first_process(victim), signal.SIGKILL)
        until_so(lambda: is_seen_dead(service, worker), "nobody has seen that a machine is dead")
        record_testsuite_property("seconds from their death to UNHEALTHY", round(time.monotonic() - began, 1))
        until_so(lambda: is_healed(service, masters[0], worker), "they are not replaced")
        record_testsuite_property("seconds from their death to HEALTHY", round(time.monotonic() - began, 1))
    record_testsuite_property("longest silence of the API meanwhile, healing", round(probe.silence, 1))
    assert probe.silence < SILENCE
    now, new = named(service, cluster, "master"), named(service, cluster, "worker")
    assert set(masters[1:]) < set(now)
    assert len(now) == 3
    assert len(new) == 2
    assert not {masters[0], worker} & {*now, *new}
    assert kubectl.nodes() == dict.fromkeys([*now, *new], True)
    assert etcd_members(now[0]) == dict.fromkeys(now, False)


def is_seen_dead(service: Standalone, node: str) -> bool:
    now = shown(service)
    return now["health_status"] == "UNHEALTHY" and now["health_status_reason"].get(f"{node}.Ready") == "False"


def is_healed(service: Standalone, *dead: str) -> bool:
    now = shown(service)
    assert not now["status"].endswith("_FAILED"), now["status_reason"]
    left = {path.name for path in service.machine_folders(now["uuid"])}
    return not left & set(dead) and (now["status"], now["health_status"]) == ("UPDATE_COMPLETE", "HEALTHY")


def test_three_become_one_and_nothing_of_the_others_is_left(service, cluster, kubectl, record_testsuite_property):
    began = time.monotonic()
    with probing(kubectl) as probe:
        now = resize(service, 1)
    record_testsuite_property("seconds from three masters to one", round(time.monotonic() - began, 1))
    record_testsuite_property("longest silence of the API meanwhile, shrinking", round(probe.silence, 1))
    assert probe.silence < SILENCE
    [left] = named(service, cluster, "master")
    assert etcd_members(left) == {left: False}
    until_so(lambda: endpoints(kubectl) == set(now["master_addresses"]), "a master that is gone is an endpoint still")
    until_so(
        lambda: kubectl.nodes() == dict.fromkeys([left, *named(service, cluster, "worker")], True),
        "a node that is gone is a node still, or one that stayed is not Ready",
    )


def test_it_is_deleted_with_all_that_it_had(service, cluster):
    service.openstack("coe", "cluster", "delete", NAME)
    service.until_gone(NAME, seconds=120)
    assert service.machine_folders(cluster["uuid"]) == []
