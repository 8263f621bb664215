"""What must hold on two cores with MariaDB and a thousand clusters, and a table of whether it does."""

from dataclasses import dataclass
from typing import Any

CLUSTERS = 1_000


@dataclass(frozen=True)
class Limit:
    """`figure` of what is measured must be at most (or with `at_least`, at least) `bound`."""

    what: str
    login: str
    concurrency: int
    figure: str
    bound: float
    at_least: bool = False

    def is_met(self, found: float) -> bool:
        return found >= self.bound if self.at_least else found <= self.bound


LIMITS = (
    Limit("GET page of 100", "password", 1, "p50_ms", 3),
    Limit("GET page of 1000", "password", 1, "p50_ms", 25),
    Limit("GET one", "password", 1, "p50_ms", 1.5),
    Limit("GET one", "token", 1, "p50_ms", 1.5),
    Limit("GET one", "password", 32, "per_second", 2_000, at_least=True),
    Limit("GET one", "token", 32, "per_second", 1_200, at_least=True),
    Limit("POST template", "password", 1, "p50_ms", 10),
)
"""Throughput is that of GET one: the request that pollers send, and nothing but the service's own work."""
START_SECONDS = 1.0
LARGEST_MIB = 100.0


@dataclass(frozen=True)
class Verdict:
    what: str
    found: float
    bound: str
    is_met: bool

    def line(self) -> str:
        return f"{self.what:<62} {self.found:>9} {self.bound:>9}  {'met' if self.is_met else 'NOT MET'}"


def judge(limit: Limit, found: dict[str, Any]) -> Verdict:
    what = f"{limit.what}, {limit.login}, {limit.concurrency} at once, {limit.figure}"
    sign = ">=" if limit.at_least else "<="
    return Verdict(what, found[limit.figure], f"{sign} {limit.bound:g}", limit.is_met(found[limit.figure]))


def judge_process(login: str, start_seconds: float, memory: dict[str, float]) -> list[Verdict]:
    """Memory is judged as all that the largest process maps, though most of it is shared with the others."""
    largest = memory["largest_mib"]
    return [
        Verdict(
            f"start until an answer, {login}, seconds",
            start_seconds,
            f"< {START_SECONDS:g}",
            start_seconds < START_SECONDS,
        ),
        Verdict(f"largest process after load, {login}, MiB", largest, f"< {LARGEST_MIB:g}", largest < LARGEST_MIB),
    ]


def judge_errors(measured: list[dict[str, Any]]) -> Verdict:
    errors = sum(record["errors"] for record in measured)
    return Verdict("answers of another status, in all", errors, "0", errors == 0)
