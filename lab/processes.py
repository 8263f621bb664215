"""Processes in the background: started once, found again, ended by their number.

Each is written down in a file with its number, the time at which it was born, so that a number that has meanwhile
gone to somebody else is never touched, and a mark of what it was started with. One whose mark has changed is started
anew. A process is the leader of a session of its own, so that what it has started can be ended with it.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

END_SECONDS = 20
BETWEEN_LOOKS = 0.1


class Record(msgspec.Struct, frozen=True):
    number: int
    born: int
    """In ticks of the kernel since it started."""
    mark: str


class Process:
    """One process by its name, running or not."""

    def __init__(self, name: str, runs: Path, logs: Path) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self._file = runs / f"{name}.json"

    def start(self, command: Sequence[str], environment: Mapping[str, str], folder: Path, mark: str) -> None:
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        found = look(process.pid)
        assert found  # for even what ends at once stays visible until somebody asks how it ended
        born = found[1]
        self._file.write_bytes(msgspec.json.encode(Record(process.pid, born, mark)))

    def record(self) -> Record | None:
        """Give what is written down of the process, if it runs."""
        try:
            record = msgspec.json.decode(self._file.read_bytes(), type=Record)
        except FileNotFoundError:
            return None
        return record if birth(record.number) == record.born else None

    @property
    def running(self) -> bool:
        return self.record() is not None

    def end(self, *, gently: bool = True) -> bool:
        """End it and all that it has started; say whether it ran."""
        if (record := self.record()) is None:
            self._file.unlink(missing_ok=True)
            return False
        if gently:
            os.kill(record.number, signal.SIGTERM)
            deadline = time.monotonic() + END_SECONDS
            while self.running and time.monotonic() < deadline:
                time.sleep(BETWEEN_LOOKS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(record.number, signal.SIGKILL)
        self._file.unlink()
        return True


def last_lines(log: Path, count: int = 25) -> str:
    """Give the end of a log."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 20_000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])


def birth(number: int) -> int | None:
    """Say when the process with this number began, or that there is none. A zombie is none."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(number, os.WNOHANG)  # ours, if it has ended
    found = look(number)
    return None if found is None or found[0] in "ZX" else found[1]


def look(number: int) -> tuple[str, int] | None:
    """Give state and birth of the process with this number."""
    try:
        text = Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def written_down(runs: Path) -> list[str]:
    """Give the names of all processes that are written down there, the latest first."""
    files = sorted(runs.glob("*.json"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    return [file.stem for file in files]
