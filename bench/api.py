"""How fast the API answers: throughput, latencies, processor time, memory, and what of it must hold.

On SQLite, PostgreSQL and MariaDB with 0 to 10 000 clusters: a page of 20, 100 and 1 000 of them, one cluster, a new
template, a new cluster (the fake driver's, and no conductor at work), by 1, 8 and 32 clients at once, who run on the
same machine; with a password and with a token that were seen before. The service has a process for each processor.

Prints a line for each, and a table of what must hold. Writes bench/results/api.json, or api-full.json with --full,
which measures several times as long, and everything with tokens too.
"""

import argparse
import contextlib
import itertools
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
TESTS = BENCH.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "functional/clients"), str(BENCH / "support")]

from databases import KINDS, serving  # noqa: E402
from filling import TEMPLATE, Filling  # noqa: E402
from limits import CLUSTERS, LIMITS, Verdict, judge, judge_errors, judge_process  # noqa: E402
from load import load  # noqa: E402
from logins import Login, logins  # noqa: E402
from server import Api  # noqa: E402

from magnum.db.engine import open_database  # noqa: E402
from magnum.model.clocks import SystemClock  # noqa: E402

SIZES = (0, 100, 1_000, 10_000)
PAGES = (20, 100, 1_000)
CONCURRENCY = (1, 8, 32)
ROUNDS = 3
"""What must hold is measured so often, and the median counts."""
SETTLING = 2
"""Seconds from the first answer until all processes serve; gunicorn loses a signal for one that it has just made."""
NUMBERS = itertools.count(1)
Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="measure everything with tokens too, and longer")
    parser.add_argument("--databases", nargs="+", choices=("sqlite", *KINDS), default=("sqlite", *KINDS))
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--limits-only", action="store_true", help="measure only what must hold")
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args()
    measured: list[Record] = []
    seconds, seconds_of_limits = (5, 10) if options.full else (0.7, 3)
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, logins(Path(folder)) as both:
        if not options.limits_only:
            for name in options.databases:
                for record in measure_database(Path(folder), name, both, options.sizes, seconds, full=options.full):
                    measured.append(record)
                    show(record)
        verdicts = list(measure_limits(Path(folder), both, seconds_of_limits, measured))
    verdicts.append(judge_errors(measured))
    print("\n" + "\n".join(verdict.line() for verdict in verdicts))
    if not options.no_write and not options.limits_only:
        file = BENCH / "results" / ("api-full.json" if options.full else "api.json")
        found = {"limits": [asdict(verdict) for verdict in verdicts], "measured": measured}
        file.write_text(json.dumps({"machine": machine(load_before)} | found, indent=1) + "\n")


def show(record: Record) -> None:
    words = (value if isinstance(value, str) else f"{key} {value}" for key, value in record.items())
    print(" ".join(words), flush=True)


@contextlib.contextmanager
def database(name: str, folder: Path) -> Iterator[str]:
    if name == "sqlite":
        yield f"sqlite:///{folder}/magnum.sqlite"
    else:
        with serving(name) as server, server.database() as url:
            yield url


def measure_database(
    folder: Path, name: str, both: list[Login], sizes: list[int], seconds: float, *, full: bool
) -> Iterator[Record]:
    """Measure as the database grows; with the token at one size, or at every size too."""
    with serve_both(folder / name, name, both) as (filling, apis):
        for size in sizes:
            filling.up_to(size)
            for api in apis:
                if full or api.login.name == "password" or size == CLUSTERS:
                    about = {"database": name, "login": api.login.name, "clusters": size}
                    for ask in questions(filling.first, size):
                        yield from measure(api, ask, CONCURRENCY, seconds, **about)


def measure_limits(folder: Path, both: list[Login], seconds: float, measured: list[Record]) -> Iterator[Verdict]:
    """Measure what must hold, each login with a service that is started for it and has the machine to itself."""
    place = folder / "limits"
    place.mkdir()
    with database("mariadb", place) as url:
        apis = [Api(place / login.name, url, login) for login in both]
        filling = fill(url, both[0].project)
        filling.up_to(CLUSTERS)
        asks = {ask.what: ask for ask in questions(filling.first, CLUSTERS)}
        for api in apis:
            yield from judge_service(api, asks, seconds, measured)


def judge_service(api: Api, asks: dict[str, "Ask"], seconds: float, measured: list[Record]) -> Iterator[Verdict]:
    about = {"database": "mariadb", "login": api.login.name, "clusters": CLUSTERS}
    starts = []
    for _ in range(ROUNDS):
        with api:
            starts.append(api.start_seconds)
            time.sleep(SETTLING)
    with api:
        for limit in LIMITS:
            if limit.login == api.login.name:
                rounds = list(measure(api, asks[limit.what], [limit.concurrency] * ROUNDS, seconds, **about))
                measured += rounds
                yield judge(limit, sorted(rounds, key=lambda found: found[limit.figure])[ROUNDS // 2])
        measured += measure(api, asks["GET page of 1000"], [32], seconds, **about)
        yield from judge_process(api.login.name, round(statistics.median(starts), 2), api.memory())


@dataclass(frozen=True)
class Ask:
    what: str
    status: int
    make: Callable[[Api], Callable[[], bytes]]


def questions(first: str, size: int) -> Iterator[Ask]:
    """Give what is asked of a service with so many clusters; `first` is one of them."""

    def always(what: str, path: str) -> Ask:
        return Ask(what, 200, lambda api: itertools.repeat(api.request("GET", path)).__next__)

    def new(what: str, status: int, path: str, body: Record) -> Ask:
        return Ask(what, status, lambda api: lambda: api.request("POST", path, {**body, "name": f"n-{next(NUMBERS)}"}))

    for page in PAGES:
        if page == min(PAGES) or page <= size:
            yield always(f"GET page of {page}", f"/clusters?limit={page}")
    if size:
        yield always("GET one", f"/clusters/{first}")
    if size == CLUSTERS:
        yield new("POST template", 201, "/clustertemplates", {"coe": "swarm-mode", "image_id": "fake"})
        yield new("POST cluster", 202, "/clusters", {"cluster_template_id": TEMPLATE})


def measure(api: Api, ask: Ask, concurrencies: Sequence[int], seconds: float, **more: Any) -> Iterator[Record]:
    run(api, ask, 8, 0.2)  # statements compiled, login known
    for concurrency in concurrencies:
        yield {"what": ask.what, **more, "concurrency": concurrency, **run(api, ask, concurrency, seconds)}


def run(api: Api, ask: Ask, concurrency: int, seconds: float) -> Record:
    before = api.cpu_seconds()
    found = load(api.port, ask.make(api), status=ask.status, concurrency=concurrency, seconds=seconds)
    cpu = (api.cpu_seconds() - before) / found["requests"] * 1000
    return {**found, "api_cpu_ms": round(cpu, 2), **api.memory()}


@contextlib.contextmanager
def serve_both(folder: Path, name: str, both: list[Login]) -> Iterator[tuple[Filling, list[Api]]]:
    folder.mkdir()
    with database(name, folder) as url, contextlib.ExitStack() as until:
        apis = [Api(folder / login.name, url, login) for login in both]
        filling = fill(url, both[0].project)
        yield filling, [until.enter_context(api) for api in apis]


def fill(url: str, project: str) -> Filling:
    return Filling(open_database(url, clock=SystemClock()), project)


def machine(load_before: float) -> Record:
    """Say what it was measured on, and how busy that was before."""
    models = {
        line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    }
    return {
        "cores": os.cpu_count(),
        "processor": ", ".join(sorted(models)) or platform.machine(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(load_before, 2),
    }


if __name__ == "__main__":
    main()
