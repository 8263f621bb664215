"""A real cluster of Kubernetes is upgraded: every machine is made anew, and its work goes on.

Where only one source of Kubernetes is to be had, the newer version is the same source under another name.
"""

import logging
import threading
import time
from typing import Any, Self

import pytest
import urllib3
from programs import Standalone
from workloads import NAME, SECONDS, placed, versions

pytestmark = pytest.mark.root
LOG = logging.getLogger(__name__)
OLD, NEW = "v1.20.2", "v1.21.0"
TEMPLATE = ("--coe", "kubernetes", "--network-driver", "bridge", "--image", "debian-12", "--external-network", "public")


class Front(threading.Thread):
    """Asks for a page ten times a second, and of another node when one is out, as what stands in front of it would."""

    def __init__(self, addresses: list[str], port: int) -> None:
        super().__init__()
        self._urls = [f"http://{address}:{port}/" for address in addresses]
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=2, read=5))
        self._ended = threading.Event()
        self.asked = 0
        self.lost = 0

    def run(self) -> None:
        while not self._ended.wait(0.1):
            self.asked += 1
            self.lost += not any(self._answers(url) for url in list(self._urls))

    def _answers(self, url: str) -> bool:
        try:
            if self._pool.request("GET", url, headers={"Connection": "close"}).status == 200:
                return True
        except urllib3.exceptions.HTTPError:
            pass  # of no matter unless all of them fail
        self._urls.remove(url)
        self._urls.append(url)
        return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()
        self._pool.clear()


def test_every_machine_is_made_anew_while_the_work_goes_on(service, openstack, cluster, kubectl, master, workers):  # noqa: PLR0917
    openstack("coe", "cluster", "template", "create", "newer", *TEMPLATE, "--labels", f"kube_tag={NEW}")
    kubectl("patch", "service", "web", "--patch", '{"spec": {"type": "NodePort"}}')
    port = kubectl.get("service", "web")["spec"]["ports"][0]["nodePort"]
    assert versions(kubectl) == dict.fromkeys([master, *workers], OLD)
    began = time.monotonic()
    with Front(cluster["node_addresses"], port) as front:
        openstack("coe", "cluster", "upgrade", NAME, "newer")
        until_half_way(service)
        service.kill()
        service.start()
        shown = service.until(NAME, "UPDATE_COMPLETE", seconds=10 * SECONDS)
        seconds = time.monotonic() - began
        time.sleep(2)
    LOG.info("%.1f s for 3 nodes; %d of %d probes were lost", seconds, front.lost, front.asked)
    assert shown["coe_version"] == NEW
    assert versions(kubectl) == dict.fromkeys([master, *workers], NEW)
    assert kubectl.nodes() == dict.fromkeys([master, *workers], True)
    assert front.asked > 100
    assert front.lost <= front.asked / 100, f"{front.lost} of {front.asked}"
    assert len(placed(kubectl, "web")) > 0
    for node in kubectl.get("nodes")["items"]:
        assert "unschedulable" not in node["spec"]
        assert "magnum.openstack.org/turn" not in node["metadata"]["annotations"]
    told = openstack("coe", "cluster", "event", "list", NAME, "--long")
    for machine in (master, *workers):
        assert told.count(f"{machine} is rebuilt") == 1, "once, whoever died meanwhile"


def until_half_way(service: Standalone) -> None:
    deadline = time.monotonic() + 5 * SECONDS
    while True:
        shown: dict[str, Any] = service.get(f"/clusters/{NAME}")
        if f"1 of 3 nodes are of {NEW}: waiting for the report" in (shown["status_reason"] or ""):
            return
        assert shown["status"] == "UPDATE_IN_PROGRESS", shown["status_reason"]
        assert time.monotonic() < deadline, shown["status_reason"]
        time.sleep(0.2)


def test_there_is_no_way_back(openstack):
    openstack("coe", "cluster", "template", "create", "older", *TEMPLATE, "--labels", f"kube_tag={OLD}")
    assert "Kubernetes cannot be downgraded" in openstack.refused("coe", "cluster", "upgrade", NAME, "older")


def test_what_cannot_be_had_is_refused_and_nothing_changes(service, openstack, kubectl, workers):
    """It has been asked for and has failed, so the cluster says so until something of it succeeds."""
    before = service.get(f"/clusters/{NAME}")
    openstack("coe", "cluster", "template", "create", "unknown", *TEMPLATE, "--labels", "kube_tag=v1.22.99")
    openstack("coe", "cluster", "upgrade", NAME, "unknown")
    after = until_failed(service)
    assert "This host has no programs of Kubernetes v1.22.99" in after["status_reason"]
    assert [after[name] for name in ("cluster_template_id", "labels")] == [
        before[name] for name in ("cluster_template_id", "labels")
    ]
    assert [versions(kubectl)[worker] for worker in workers] == [NEW, NEW]
    openstack("coe", "cluster", "resize", NAME, "2")  # as many as there are
    service.until(NAME, "UPDATE_COMPLETE", seconds=2 * SECONDS)


def until_failed(service: Standalone) -> dict[str, Any]:
    deadline = time.monotonic() + SECONDS
    while (shown := service.get(f"/clusters/{NAME}"))["status"] != "UPDATE_FAILED":
        assert time.monotonic() < deadline, shown["status_reason"]
        time.sleep(0.2)
    return dict(shown)
