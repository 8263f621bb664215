"""What an owner reads when a real cluster cannot be made, and that the service's own end at any moment is survived."""

import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from programs import COMMANDS, Docker, Standalone

from magnum.drivers.local import rootfs
from magnum.drivers.local.settings import default_cache_dir

pytestmark = pytest.mark.root
TEMPLATE = ("--coe", "swarm-mode", "--image", "debian-12", "--external-network", "public")
NO_ENGINE = """\
#!/bin/sh
case "$(hostname)" in *-worker-1) echo "this engine was broken by a test" >&2; exit 1 ;; esac
exec /usr/sbin/dockerd.real "$@"
"""


@pytest.fixture
def broken_cache(tmp_path) -> Iterator[Path]:
    """A root file system whose engine does not start on the first worker; the rest of it is the real one's files."""
    whole = rootfs.path_of(rootfs.DEBIAN_12, default_cache_dir())
    broken = rootfs.path_of(rootfs.DEBIAN_12, tmp_path / "cache")
    broken.parent.mkdir(parents=True)
    subprocess.run(["cp", "--archive", "--link", whole, broken], check=True)
    engine = broken / "usr/sbin/dockerd"
    engine.rename(broken / "usr/sbin/dockerd.real")
    engine.write_text(NO_ENGINE)
    engine.chmod(0o755)
    yield tmp_path / "cache"
    shutil.rmtree(tmp_path / "cache")


@pytest.fixture
def service(tmp_path) -> Iterator[Standalone]:
    with Standalone(tmp_path / "var", "[conductor]\nquiet_period = 1\n") as service:
        yield service


def test_a_step_that_fails_on_a_worker_is_told_and_retried_and_the_cluster_can_be_deleted(tmp_path, broken_cache):
    with Standalone(tmp_path / "var", f"cache_dir = {broken_cache}\n") as service:
        service.openstack("coe", "cluster", "template", "create", "broken", *TEMPLATE)
        service.openstack("coe", "cluster", "create", "lame", "--cluster-template", "broken")
        shown = service.until("lame", "CREATE_FAILED", seconds=60)
        worker = next(path.name for path in service.machine_folders(shown["uuid"]) if "worker" in path.name)
        for word in (worker, "start-engine", "this engine was broken by a test"):
            assert word in shown["status_reason"]
        assert worker in service.openstack("coe", "cluster", "show", "lame", "-c", "status_reason")
        manager = next(path for path in service.machine_folders(shown["uuid"]) if "master" in path.name)
        service.openstack("coe", "cluster", "retry", "lame", "--wait", "--timeout", "120")
        made = service.until("lame", "CREATE_COMPLETE", seconds=1)
        assert ready_nodes(service, made) == 2
        folders = service.machine_folders(shown["uuid"])
        assert manager in folders
        assert worker not in [path.name for path in folders]
        service.openstack("coe", "cluster", "delete", "lame")
        service.until_gone("lame", seconds=30)
        assert service.machine_folders(shown["uuid"]) == []


def test_it_survives_its_own_end_at_three_random_moments(service):
    chance = random.Random(20261120)
    openstack = service.openstack
    openstack("coe", "cluster", "template", "create", "swarm", *TEMPLATE)

    openstack("coe", "cluster", "create", "tough", "--cluster-template", "swarm", "--node-count", "1")
    interrupt(service, chance.uniform(0, 6))
    made = service.until("tough", "CREATE_COMPLETE", seconds=120)
    assert ready_nodes(service, made) == 2
    assert len(service.machine_folders(made["uuid"])) == 2

    openstack("coe", "cluster", "update", "tough", "replace", "node_count=2")
    interrupt(service, chance.uniform(0, 4))
    grown = service.until("tough", "UPDATE_COMPLETE", seconds=120)
    assert ready_nodes(service, grown) == 3
    assert len(service.machine_folders(made["uuid"])) == 3

    openstack("coe", "cluster", "delete", "tough")
    interrupt(service, chance.uniform(0, 1))
    service.until_gone("tough", seconds=120)
    assert service.machine_folders(made["uuid"]) == []
    eventually(lambda: nothing_is_remembered(service), seconds=30)


def test_its_machines_come_back_after_a_stop(service):
    service.openstack("coe", "cluster", "template", "create", "swarm", *TEMPLATE)
    service.openstack("coe", "cluster", "create", "back", "--cluster-template", "swarm", "--node-count", "1")
    made = service.until("back", "CREATE_COMPLETE", seconds=60)
    stop = [COMMANDS / "magnum-standalone", "--state-dir", service.state.path, "stop"]
    subprocess.run(stop, check=True, capture_output=True, timeout=60)
    assert service.process.wait(10) == 0
    assert not running_machines(service)
    service.process.communicate()
    service.start()
    eventually(lambda: answers(service, made), seconds=60)


def answers(service: Standalone, cluster: dict[str, Any]) -> bool:
    try:
        return ready_nodes(service, cluster) == 2
    except AssertionError:  # docker's command ended with an error: no engine yet, or no leader
        return False


def interrupt(service: Standalone, after: float) -> None:
    time.sleep(after)
    service.kill()
    service.start()


def ready_nodes(service: Standalone, cluster: dict[str, Any]) -> int:
    """Count the nodes that docker sees Ready; there may be no others."""
    folder = service.state.path.with_name("config")
    folder.mkdir(exist_ok=True)
    statuses = Docker.configured(service.openstack, cluster, folder).nodes().values()
    return sum(status == "Ready" for status in statuses) if set(statuses) == {"Ready"} else 0


def eventually(holds: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def nothing_is_remembered(service: Standalone) -> bool:
    resources = ("cluster", "nodegroup", "node", "cloud_resource")
    tables = (*resources, "cluster_state", "operation", "node_credential", "x509keypair")
    with closing(sqlite3.connect(service.state.path / "magnum.sqlite")) as database:
        return not any(database.execute(f"SELECT 1 FROM {table}").fetchone() for table in tables)  # noqa: S608


def running_machines(service: Standalone) -> list[str]:
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    owner = service.names_prefix.split()[1]
    return [line for line in listed.splitlines() if line.startswith(f"magnum-{owner}-")]
