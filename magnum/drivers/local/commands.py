"""Run the host's own programs: the one place where this package starts a process and waits for it.

An argument list, never a shell line, so no value is ever interpreted. Every run is bounded in time; one that is cut
short has its whole session killed, grandchildren too. A failure becomes one `CommandError` that holds the command and
the last lines it wrote to its standard error. Secrets never travel in arguments (they show in `ps` and in that error);
they go through files.
"""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from magnum.drivers.local.errors import CommandError

TOLD_LINES = 5
TOLD_CHARACTERS = 1000


def installed(program: str) -> bool:
    return shutil.which(program, path=_search_path()) is not None


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    stdin: str | int = "",
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program to its end and return its standard output.

    `stdin` is the text that it reads, or a descriptor that it gets as its own. `environment` is added to ours.
    """
    words = [str(word) for word in argv]
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE if isinstance(stdin, str) else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=cwd,
            env={**os.environ, "PATH": _search_path(), "LC_ALL": "C.UTF-8", **(environment or {})},
            start_new_session=True,
            umask=0o022,  # what a program makes for others to read is readable, whatever our own umask is
        )
    except OSError as error:
        raise CommandError(f"{_shown(words)}: cannot be started: {error.strerror}") from error
    try:
        output, complaint = process.communicate(stdin if isinstance(stdin, str) else None, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{_shown(words)}: did not end within {timeout:g} seconds") from error
    finally:
        _end(process)
    if process.returncode != 0:
        raise CommandError(
            f"{_shown(words)}: failed with status {process.returncode}: {_last_lines(complaint or output)}"
        )
    return output


def _search_path() -> str:
    """Give ours and the administrator's, which `su` leaves out and a user who is not root does not have."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"


def _end(process: subprocess.Popen[Any]) -> None:
    """Leave nothing running of a run that was cut short."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _shown(words: Sequence[str]) -> str:
    line = shlex.join(words)
    return line if len(line) <= TOLD_CHARACTERS else line[:TOLD_CHARACTERS] + "…"


def _last_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-TOLD_LINES:])[-TOLD_CHARACTERS:] or "it said nothing"
