"""How the simulated provider behaves for one cluster: how long its calls take, and which of them go wrong.

The operator's section [fake] says it for all clusters, the labels `fake_latencies` and `fake_faults` for one; both are
written alike and documented in docs/fake-driver.md. A label adds to the section and wins over it. Pure: the API reads
labels with it to refuse what cannot be meant.
"""

import math
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

LATENCIES_LABEL = "fake_latencies"
FAULTS_LABEL = "fake_faults"
VERSION_LABEL = "fake_version"
"""The version of a node group, else of the cluster; an upgrade brings it from the template."""

VERSION = "1.0-fake"
"""The version of clusters without that label."""


class Call(StrEnum):
    """What the simulated provider can be asked to do."""

    CREATE_NETWORK = "create_network"
    CREATE_MACHINE = "create_machine"
    JOIN = "join"
    LABEL = "label"
    UPGRADE = "upgrade"
    TRUST = "trust"
    RENEW = "renew"
    DROP = "drop"
    LEAVE = "leave"
    DELETE_MACHINE = "delete_machine"
    DELETE_NETWORK = "delete_network"
    HEALTH = "health"


BOOT = "boot"
"""From the creation of a machine to the end of its set-up."""

VANISH = "vanish"
"""From the call that deletes something to its end."""

ANY = "*"
_TIMED = frozenset({*Call, BOOT, VANISH})
_LONGEST = 3600.0


class FaultKind(StrEnum):
    UNREACHABLE = "unreachable"  # the first N calls fail and do nothing
    LOST_ANSWER = "lost-answer"  # the first N calls do their work, and their callers hear of a failure
    LATE = "late"  # the first call fails for its caller and takes effect so many seconds later
    REFUSE = "refuse"  # every call is refused, with this text
    QUOTA = "quota"  # the cluster gets no more machines than this
    BREAK = "break"  # the set-up of a machine fails at this step, with this text
    DIE = "die"  # a machine is not Ready, whenever health is asked for, once it has joined


class Fault(msgspec.Struct, frozen=True):
    """One fault; `target` is a call, or step@node, or a number of machines, and what `argument` says is the kind's."""

    kind: FaultKind
    target: str
    argument: str = ""

    def strikes(self, call: Call, count: int) -> bool:
        """Whether it hits the `count`th such call of the cluster, counted from 1."""
        if self.target not in (call, ANY):
            return False
        match self.kind:
            case FaultKind.UNREACHABLE | FaultKind.LOST_ANSWER:
                return count <= int(self.argument or 1)
            case FaultKind.LATE:
                return count == 1
            case FaultKind.REFUSE:
                return True
            case _:
                return False


class Behaviour(msgspec.Struct, frozen=True):
    latencies: dict[str, float] = {}
    faults: tuple[Fault, ...] = ()

    def seconds(self, what: str) -> float:
        return self.latencies.get(what, 0.0)

    def fault(self, call: Call, count: int) -> Fault | None:
        return next((fault for fault in self.faults if fault.strikes(call, count)), None)

    @property
    def quota(self) -> int | None:
        return min((int(fault.target) for fault in self.faults if fault.kind is FaultKind.QUOTA), default=None)

    def broken_step(self, machine: str) -> tuple[str, str] | None:
        """Give the step at which the set-up of this machine fails, and the text."""
        for fault in self.faults:
            step, _, node = fault.target.partition("@")
            if fault.kind is FaultKind.BREAK and machine.endswith(node):
                return step, fault.argument or "exit status 1"
        return None

    def is_dead(self, machine: str) -> bool:
        return any(fault.kind is FaultKind.DIE and machine.endswith(fault.target) for fault in self.faults)


def read_behaviour(latencies: Mapping[str, float], faults: Iterable[str], labels: Mapping[str, str]) -> Behaviour:
    """Lay the labels over the operator's section. Raises ValueError with a sentence for the one who wrote it."""
    own = dict(_latency(part) for part in _parts(labels.get(LATENCIES_LABEL, ""), separators=";,"))
    both = [*_parts(labels.get(FAULTS_LABEL, ""), separators=";"), *faults]
    return Behaviour({**latencies, **own}, tuple(_fault(text) for text in both))


def _parts(text: str, *, separators: str) -> list[str]:
    return [part.strip() for part in re.split(f"[{separators}]", text) if part.strip()]


def _latency(text: str) -> tuple[str, float]:
    name, _, number = text.partition(":")
    if name not in _TIMED:
        raise ValueError(f"'{name}' takes no time; write NAME:SECONDS with one of {', '.join(sorted(_TIMED))}.")
    return name, _seconds(number)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST:
        raise ValueError(f"'{text}' is no number of seconds from 0 to {_LONGEST:g}.")
    return seconds


def _fault(text: str) -> Fault:
    kind, _, rest = text.partition(":")
    target, _, argument = rest.partition(":")
    if kind not in set(FaultKind):
        raise ValueError(f"'{kind}' is no fault; known are {', '.join(FaultKind)}.")
    fault = Fault(FaultKind(kind), target, argument)
    _check(fault, text)
    return fault


def _check(fault: Fault, text: str) -> None:
    match fault.kind:
        case FaultKind.QUOTA:
            right, form = fault.target.isdecimal(), "quota:MACHINES"
        case FaultKind.BREAK:
            right, form = bool(re.fullmatch(r"[\w -]+@[\w-]+", fault.target)), "break:STEP@NODE:TEXT"
        case FaultKind.DIE:
            right, form = bool(re.fullmatch(r"[\w-]+", fault.target)), "die:NODE"
        case FaultKind.REFUSE:
            right, form = _is_call(fault.target), "refuse:CALL:TEXT"
        case FaultKind.LATE:
            right, form = _is_call(fault.target) and _seconds(fault.argument) >= 0, "late:CALL:SECONDS"
        case FaultKind.UNREACHABLE | FaultKind.LOST_ANSWER:
            number = fault.argument or "1"
            right, form = _is_call(fault.target) and number.isdecimal(), f"{fault.kind}:CALL:TIMES"
    if not right:
        raise ValueError(f"'{text}' is not of the form {form}; calls are {', '.join(Call)}, or {ANY} for all.")


def _is_call(text: str) -> bool:
    return text == ANY or text in set(Call)
