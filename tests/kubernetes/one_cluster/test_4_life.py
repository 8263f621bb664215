"""A real cluster of Kubernetes grows, shrinks, is watched, and dies; its work goes on as long as it can."""

import os
import signal
import subprocess
import time

import pytest
from programs import Kubectl, Standalone, first_process
from workloads import NAME, SECONDS, Probe, machines, placed, versions

pytestmark = pytest.mark.root


def test_it_grows_and_then_idle_workers_go_first_and_work_is_moved(service, openstack, cluster, kubectl, master):
    spread(kubectl)
    openstack("coe", "cluster", "update", NAME, "replace", "node_count=3")
    service.until(NAME, "UPDATE_COMPLETE", seconds=180)
    workers = machines(service, cluster, "worker")
    assert kubectl.nodes() == dict.fromkeys([master, *workers], True)
    assert set(versions(kubectl).values()) == {"v1.21.0"}, "what comes after the upgrade is like what it has made"
    busy = set(placed(kubectl, "web"))
    assert len(busy) == 2

    openstack("coe", "cluster", "update", NAME, "replace", "node_count=2")
    service.until(NAME, "UPDATE_COMPLETE", seconds=180)
    assert set(machines(service, cluster, "worker")) == busy
    assert set(kubectl.nodes()) == {master, *busy}

    address = kubectl.get("service", "web")["spec"]["clusterIP"]
    with Probe(master, f"http://{address}/") as probe:
        openstack("coe", "cluster", "update", NAME, "replace", "node_count=1")
        service.until(NAME, "UPDATE_COMPLETE", seconds=180)
        kubectl("rollout", "status", "deployment/web", f"--timeout={SECONDS}s")
        time.sleep(2)
    assert set(placed(kubectl, "web")) == set(machines(service, cluster, "worker"))
    assert probe.asked > 20
    assert probe.failed <= probe.asked / 100, f"{probe.failed} of {probe.asked}"


def spread(kubectl: Kubectl) -> None:
    """Have the pods placed anew: where nodes were made anew one after the other, all are on the first."""
    kubectl("scale", "deployment/web", "--replicas=0")
    kubectl("wait", "pods", "--selector=app=web", "--for=delete", f"--timeout={SECONDS}s")
    kubectl("scale", "deployment/web", "--replicas=2")
    kubectl("rollout", "status", "deployment/web", f"--timeout={SECONDS}s")


def test_health_is_what_the_cluster_says(service, cluster, openstack):
    """A machine that dies is seen as soon as Kubernetes has given it up, which takes it 40 s."""
    worker = machines(service, cluster, "worker")[-1]
    until_health(service, "HEALTHY", f"{worker}.Ready", "True")
    os.kill(first_process(worker), signal.SIGKILL)  # as the power would
    until_health(service, "UNHEALTHY", f"{worker}.Ready", "False")
    assert f"The cluster is UNHEALTHY; it was HEALTHY: {worker}.Ready: False." in openstack(
        "coe", "cluster", "event", "list", NAME, "--long"
    )
    service.kill()
    service.start()  # which switches the machine on again
    until_health(service, "HEALTHY", f"{worker}.Ready", "True")


def until_health(service: Standalone, status: str, name: str, text: str) -> None:
    deadline = time.monotonic() + 2 * SECONDS
    while True:
        seen = service.get(f"/clusters/{NAME}")
        if (seen["health_status"], seen["health_status_reason"].get(name)) == (status, text):
            return
        assert time.monotonic() < deadline, seen["health_status_reason"]
        time.sleep(1)


def test_it_is_deleted_with_all_that_it_had(service, openstack, cluster):
    openstack("coe", "cluster", "delete", NAME)
    service.until_gone(NAME, seconds=60)
    assert service.machine_folders(cluster["uuid"]) == []
    listed = subprocess.run(
        ["ip", "-json", "link", "show", "type", "bridge"], capture_output=True, check=True, text=True
    ).stdout
    assert service.names_prefix not in listed
