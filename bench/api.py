"""How fast the API answers, with a password that it has verified before: throughput, latencies, processor time, memory.

On SQLite, PostgreSQL and MariaDB with 0 to 10 000 clusters: a page of 20, 100 and 1 000 of them, one cluster, a new
template, a new cluster (the fake driver's, and no conductor at work), by 1, 8 and 32 clients at once, who run on the
same machine. Writes bench/results/api.json, or api-full.json with --full, which measures ten times as long.
"""

import argparse
import base64
import contextlib
import functools
import itertools
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import bcrypt

BENCH = Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH.parent / "tests"), str(BENCH / "support")]

from databases import KINDS, serving  # noqa: E402
from installation import Installation, free_port  # noqa: E402
from load import load  # noqa: E402

from magnum.db import clusters, clustertemplates, nodegroups, operations  # noqa: E402
from magnum.db.engine import open_database  # noqa: E402
from magnum.model.clocks import SystemClock  # noqa: E402
from magnum.model.clusters import Cluster  # noqa: E402
from magnum.model.clustertemplates import ClusterTemplate  # noqa: E402
from magnum.model.names import new_uuid  # noqa: E402
from magnum.model.nodegroups import NodeGroup  # noqa: E402
from magnum.model.statuses import Status  # noqa: E402

SIZES = (0, 100, 1_000, 10_000)
PAGES = (20, 100, 1_000)
CONCURRENCY = (1, 8, 32)
PROJECT = "fishers"
TEMPLATE = "00000000-0000-4000-8000-000000000001"
MIB = 1024 * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="measure each for 10 seconds, not 1")
    parser.add_argument("--databases", nargs="+", choices=("sqlite", *KINDS), default=("sqlite", *KINDS))
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args()
    measured: list[dict[str, Any]] = []
    started = {}
    for name in options.databases:
        with (
            tempfile.TemporaryDirectory() as folder,
            database(name, Path(folder)) as url,
            Api(Path(folder), url) as api,
        ):
            started[name] = api.figures()
            print(name, json.dumps(started[name]))
            for record in measure(api, name, options.sizes, seconds=10 if options.full else 1):
                measured.append(record)
                print(" ".join(value if isinstance(value, str) else f"{key} {value}" for key, value in record.items()))
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
    if not options.no_write:
        results = BENCH / "results"
        results.mkdir(exist_ok=True)
        file = results / ("api-full.json" if options.full else "api.json")
        file.write_text(json.dumps({"machine": machine, "started": started, "measured": measured}, indent=1) + "\n")


@contextlib.contextmanager
def database(name: str, folder: Path) -> Iterator[str]:
    if name == "sqlite":
        yield f"sqlite:///{folder}/magnum.sqlite"
    else:
        with serving(name) as server, server.database() as url:
            yield url


class Api:
    """A `magnum-api` with as many processes as there are processors, filled with clusters from behind."""

    def __init__(self, folder: Path, url: str) -> None:
        users = folder / "htpasswd"
        users.write_text(f"ann:{bcrypt.hashpw(b'sesame', bcrypt.gensalt(4)).decode()}:{PROJECT}:member\n")
        options = {
            "DEFAULT": {"auth_strategy": "http_basic", "http_basic_auth_user_file": users},
            "api": {"workers": os.cpu_count(), "threads": 16},
            "quotas": {"max_clusters_per_project": 10**9},
        }
        self.port = free_port()
        self._installation = Installation(folder, url, port=self.port, options=options)
        self._database = open_database(url, clock=SystemClock())
        self._random = random.Random(1)
        self.first = ""
        self.filled = 0
        self._database.write(lambda tx: clustertemplates.insert(tx, template()))

    def __enter__(self) -> Self:
        self._until = contextlib.ExitStack()
        began = time.perf_counter()
        self.process = self._until.enter_context(self._installation.api())
        self.start_seconds = time.perf_counter() - began
        return self

    def __exit__(self, *_: object) -> None:
        self._until.close()
        self._database.dispose()

    def fill(self, count: int) -> None:
        """Let there be so many clusters."""

        def insert(tx: Any, until: int) -> None:
            for number in range(self.filled, until):
                uuid = new_uuid(self._random)
                self.first = self.first or uuid
                clusters.insert(tx, cluster(uuid, number))
                for role in ("master", "worker"):
                    nodegroups.insert(tx, nodegroup(new_uuid(self._random), uuid, role))
                operations.create_state(tx, uuid)

        while self.filled < count:
            until = min(count, self.filled + 1000)
            self._database.write(functools.partial(insert, until=until))
            self.filled = until

    def request(self, method: str, path: str, body: object = None) -> bytes:
        credentials = base64.b64encode(b"ann:sesame").decode()
        content = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} /v1{path} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Basic {credentials}",
            "Accept: application/json",
            "OpenStack-API-Version: container-infra latest",
            *(["Content-Type: application/json", f"Content-Length: {len(content)}"] if content else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + content

    def figures(self) -> dict[str, float]:
        """Give how long the start took, and the memory in MiB of the largest process and of all together."""
        sizes = [proportional_set(pid) / MIB for pid in self.processes()]
        return {
            "start_seconds": round(self.start_seconds, 2),
            "processes": len(sizes),
            "largest_mib": round(max(resident_set(pid) for pid in self.processes()) / MIB, 1),
            "all_mib": round(sum(sizes), 1),
        }

    def processes(self) -> list[int]:
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu_seconds(self) -> float:
        ticks = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def measure(api: Api, name: str, sizes: list[int], *, seconds: float) -> Iterator[dict[str, Any]]:
    def run(what: str, make_request: Callable[[], bytes], status: int, **more: Any) -> Iterator[dict[str, Any]]:
        load(api.port, make_request, status=status, concurrency=8, seconds=0.2)  # statements compiled, password known
        for concurrency in CONCURRENCY:
            before = api.cpu_seconds()
            found = load(api.port, make_request, status=status, concurrency=concurrency, seconds=seconds)
            cpu = (api.cpu_seconds() - before) / found["requests"] * 1000
            memory = api.figures()["largest_mib"]
            yield {
                "what": what,
                "database": name,
                **more,
                "concurrency": concurrency,
                **found,
                "api_cpu_ms": round(cpu, 2),
                "largest_mib": memory,
            }

    def always(request: bytes) -> Callable[[], bytes]:
        return lambda: request

    for size in sizes:
        api.fill(size)
        for page in PAGES:
            if page == min(PAGES) or page <= size:
                request = api.request("GET", f"/clusters?limit={page}")
                yield from run(f"GET page of {page}", always(request), 200, clusters=size)
        if size:
            yield from run("GET one", always(api.request("GET", f"/clusters/{api.first}")), 200, clusters=size)
    numbers = itertools.count(1)
    new = {"coe": "swarm-mode", "image_id": "fake"}
    yield from run(
        "POST template", lambda: api.request("POST", "/clustertemplates", new | {"name": f"t-{next(numbers)}"}), 201
    )
    body = {"cluster_template_id": TEMPLATE}
    yield from run("POST cluster", lambda: api.request("POST", "/clusters", body | {"name": f"c-{next(numbers)}"}), 202)


def template() -> ClusterTemplate:
    return ClusterTemplate(
        uuid=TEMPLATE,
        name="swarm",
        project_id=PROJECT,
        user_id="ann",
        coe="swarm-mode",
        image_id="fake",
        cluster_distro="fake",
        driver="fake",
        labels={"size": "small"},
    )


def cluster(uuid: str, number: int) -> Cluster:
    return Cluster(
        uuid=uuid,
        name=f"cluster-{number}",
        project_id=PROJECT,
        user_id="ann",
        cluster_template_id=TEMPLATE,
        status=Status.CREATE_COMPLETE,
        status_reason="All is well.",
        keypair="key",
        labels={"size": "small", "colour": "green", "purpose": "to be measured"},
        flavor_id="m1.small",
        master_flavor_id="m1.small",
        create_timeout=60,
        api_address="tcp://10.0.0.1:2376",
        coe_version="28.0",
        health_status="HEALTHY",
        health_status_reason={"api": "ok"},
        floating_ip_enabled=True,
        master_lb_enabled=False,
    )


def nodegroup(uuid: str, cluster_uuid: str, role: str) -> NodeGroup:
    return NodeGroup(
        uuid=uuid,
        name=f"default-{role}",
        cluster_id=cluster_uuid,
        project_id=PROJECT,
        role=role,
        node_count=3,
        is_default=True,
        node_addresses=("10.0.0.1", "10.0.0.2", "10.0.0.3"),
        status=Status.CREATE_COMPLETE,
    )


def proportional_set(pid: int) -> int:
    """Give a process's memory, of what it shares its part."""
    return _kibibytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") * 1024


def resident_set(pid: int) -> int:
    return _kibibytes(Path(f"/proc/{pid}/status"), "VmRSS:") * 1024


def _kibibytes(file: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith(name))


if __name__ == "__main__":
    main()
