"""What an owner reads when a real cluster cannot be made or changed, and what helps: to try again, or to delete it.

The tests of this module share one service and one cluster and are run in order. What is broken is broken for real: a
program of the operator's own, the disk and the init of a machine; and a budget stands in the way of a drain.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from programs import Kubectl, Openstack, Standalone
from workloads import versions

from magnum.drivers.kubernetes.names import DEFAULT_TAG
from magnum.drivers.local import rootfs
from magnum.drivers.local.settings import default_cache_dir
from magnum.drivers.local_kubernetes.pause_image import PAUSE_IMAGE
from magnum.drivers.local_kubernetes.programs import ProgramsSource

pytestmark = pytest.mark.root
NAME = "lame"
NEWER = "v1.21.0"
KIND = ("--coe", "kubernetes", "--network-driver", "bridge", "--image", "debian-12", "--external-network", "public")
SECONDS = 900
"""Bounds that nobody meets but a machine that does not get on."""
WRAPPED = """\
#!/bin/sh
case "$(cat /proc/sys/kernel/hostname)" in *-worker-*) {fault} ;; esac
exec "$0.real" "$@"
"""
NO_KUBELET = 'echo "this kubelet was broken by a test" >&2; exit 1'
FULL_DISK = "mount -t tmpfs -o size=256k tmpfs /var/lib/containerd"
DYING_INIT = 'echo "this init was broken by a test"; exit 1'
HANGING_INIT = 'echo "this init hangs"; exec sleep infinity'


@contextmanager
def broken(program: Path, fault: str) -> Iterator[None]:
    """Let a program do something else first, on workers."""
    real = program.with_name(f"{program.name}.real")
    program.rename(real)
    program.write_text(WRAPPED.format(fault=fault))
    program.chmod(0o755)
    yield
    real.replace(program)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Iterator[Path]:
    """A cache and programs of this module's own; the files are the real ones' until one is broken."""
    folder = tmp_path_factory.mktemp("failures")
    programs = ProgramsSource(cache_dir=default_cache_dir())
    image = rootfs.path_of(rootfs.DEBIAN_12, default_cache_dir())
    for whole, own in (
        (image, rootfs.path_of(rootfs.DEBIAN_12, folder / "cache")),
        *((programs.cached(tag), folder / "programs" / tag) for tag in (DEFAULT_TAG, NEWER)),
    ):
        own.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "--archive", "--link", whole, own], check=True)
    yield folder
    shutil.rmtree(folder / "cache")
    shutil.rmtree(folder / "programs")


@pytest.fixture(scope="module")
def init(folder) -> Path:
    return rootfs.path_of(rootfs.DEBIAN_12, folder / "cache") / "usr/lib/systemd/systemd"


@pytest.fixture(scope="module")
def service(folder) -> Iterator[Standalone]:
    options = f"cache_dir = {folder}/cache\n[kubernetes]\nbinaries_dir = {folder}/programs\ndrain_timeout = 5\n"
    with Standalone(folder / "var", options + "[conductor]\nquiet_period = 1\n") as service:
        yield service


@pytest.fixture(scope="module")
def openstack(service) -> Openstack:
    return service.openstack


def retried(service: Standalone, status: str) -> dict:
    """Try again, as an owner does who has read why it failed."""
    service.openstack("coe", "cluster", "retry", NAME)
    return service.until(NAME, status, seconds=SECONDS)


def workers(service: Standalone) -> list[str]:
    uuid = service.named(NAME)["uuid"]
    return [path.name for path in service.machine_folders(uuid) if "-worker-" in path.name]


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def assert_told(shown: dict, *words: str) -> None:
    for word in words:
        assert word in shown["status_reason"]


@pytest.fixture(scope="module")
def failed(folder, service, openstack) -> dict:
    """A cluster whose worker has a kubelet that does not run."""
    flavors = ("--master-flavor", "m1.medium", "--flavor", "m1.small")
    openstack("coe", "cluster", "template", "create", "kubernetes", *KIND, *flavors)
    with broken(folder / "programs" / DEFAULT_TAG / "kubelet", NO_KUBELET):
        openstack("coe", "cluster", "create", NAME, "--cluster-template", "kubernetes")
        return service.until(NAME, "CREATE_FAILED", seconds=SECONDS)


@pytest.fixture(scope="module")
def kubectl(failed, service, openstack, folder) -> Kubectl:
    """Its owner's, once it has been made all the same."""
    retried(service, "CREATE_COMPLETE")
    (config := folder / "config").mkdir()
    return Kubectl.configured(openstack, NAME, config)


def test_a_program_that_does_not_run_is_told_with_its_node_and_step(failed):
    assert_told(failed, "-worker-1", "check-image", "this kubelet was broken by a test")


def test_when_it_runs_the_create_is_completed(kubectl, service):
    assert list(kubectl.nodes().values()) == [True, True]


def test_a_full_disk_and_a_machine_that_does_not_boot_are_told_and_retried(kubectl, service, openstack, init):
    with broken(init, FULL_DISK):
        openstack("coe", "cluster", "update", NAME, "replace", "node_count=2")
        shown = service.until(NAME, "UPDATE_FAILED", seconds=SECONDS)
    assert_told(shown, "-worker-", "start-engine", "no space left on device")
    with broken(init, DYING_INIT):
        shown = retried(service, "UPDATE_FAILED")
    assert_told(shown, "-worker-", "3 times", "this init was broken by a test")
    retried(service, "UPDATE_COMPLETE")
    assert list(kubectl.nodes().values()) == [True] * 3
    assert len(workers(service)) == 2


def budget(available: int) -> dict:
    """As both versions know it."""
    return {
        "apiVersion": "policy/v1beta1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "guard"},
        "spec": {"minAvailable": available, "selector": {"matchLabels": {"app": "guarded"}}},
    }


def budgeted() -> str:
    """A pod on every worker, and a budget by which none may go."""
    labels = {"app": "guarded"}
    pod = {
        "containers": [{"name": "pause", "image": PAUSE_IMAGE, "imagePullPolicy": "Never"}],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": labels},
            }
        ],
        "terminationGracePeriodSeconds": 1,
    }
    selector = {"matchLabels": labels}
    replicas = {"replicas": 2, "selector": selector, "template": {"metadata": {"labels": labels}, "spec": pod}}
    items = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "guarded"}, "spec": replicas},
        budget(2),
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def test_a_budget_that_blocks_a_drain_is_told_and_it_goes_on_when_there_is_none(kubectl, service, openstack):
    kubectl("apply", "--filename", "-", stdin=budgeted())
    kubectl("rollout", "status", "deployment/guarded", "--timeout=110s")
    openstack("coe", "cluster", "update", NAME, "replace", "node_count=1")
    shown = service.until(NAME, "UPDATE_FAILED", seconds=SECONDS)
    assert_told(shown, "drain", "default/guarded-", "-worker-", "budget", "retry")
    assert len(workers(service)) == 2
    kubectl("delete", "poddisruptionbudget", "guard")
    retried(service, "UPDATE_COMPLETE")
    assert len(workers(service)) == 1
    assert list(kubectl.nodes().values()) == [True, True]


def test_an_upgrade_stops_at_the_node_that_fails_and_goes_on_from_there(kubectl, service, openstack, folder):
    kubectl("apply", "--filename", "-", stdin=json.dumps(budget(1)))
    openstack("coe", "cluster", "template", "create", "newer", *KIND, "--labels", f"kube_tag={NEWER}")
    openstack("coe", "cluster", "upgrade", NAME, "newer")
    shown = service.until(NAME, "UPDATE_FAILED", seconds=SECONDS)
    assert_told(shown, "drain", "default/guarded-", "-worker-", "budget", "retry")
    kubectl("delete", "poddisruptionbudget", "guard")
    with broken(folder / "programs" / NEWER / "kubelet", NO_KUBELET):
        shown = retried(service, "UPDATE_FAILED")
    assert_told(shown, "-worker-", "check-image", "this kubelet was broken by a test")
    retried(service, "UPDATE_COMPLETE")
    assert set(versions(kubectl).values()) == {NEWER}
    assert list(kubectl.nodes().values()) == [True, True]
    told = openstack("coe", "cluster", "event", "list", NAME, "--long")
    assert told.count("-master-1 is rebuilt") == 1, "what is done stays"


def test_with_a_machine_that_hangs_it_is_deleted_with_all_that_it_had(kubectl, service, openstack, init):
    uuid = service.named(NAME)["uuid"]
    with broken(init, HANGING_INIT):
        openstack("coe", "cluster", "update", NAME, "replace", "node_count=2")
        eventually(lambda: "waiting for the report of" in (service.named(NAME)["status_reason"] or ""))
        openstack("coe", "cluster", "delete", NAME)
        service.until_gone(NAME, seconds=SECONDS)
    assert service.machine_folders(uuid) == []
    listed = ("ip", "-json", "link", "show", "type", "bridge")
    assert service.names_prefix not in subprocess.run(listed, capture_output=True, check=True, text=True).stdout
    mounts = Path("/proc/self/mounts").read_text()
    assert str(service.state.path) not in mounts
    eventually(lambda: b'INSERT INTO "cloud_resource"' not in service.everything_stored())
