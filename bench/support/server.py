"""A `magnum-api` with a process for each processor, as an operator runs it, and what it takes of the machine."""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, Self

from installation import Installation, free_port
from logins import Login

from magnum.conf.api import Api as ApiSettings


class Api:
    def __init__(self, folder: Path, url: str, login: Login) -> None:
        options: dict[str, dict[str, Any]] = {
            "api": {"workers": os.cpu_count(), "threads": ApiSettings().threads},
            "quotas": {"max_clusters_per_project": 10**9},
            **login.options,
        }
        folder.mkdir()
        self.port = free_port()
        self._installation = Installation(folder, url, port=self.port, options=options)
        self.login = login

    def __enter__(self) -> Self:
        self._until = contextlib.ExitStack()
        began = time.perf_counter()
        self._process = self._until.enter_context(self._installation.api())
        self.start_seconds = time.perf_counter() - began
        return self

    def __exit__(self, *_: object) -> None:
        self._until.close()

    def request(self, method: str, path: str, body: object = None) -> bytes:
        content = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} /v1{path} HTTP/1.1",
            "Host: 127.0.0.1",
            self.login.header,
            "Accept: application/json",
            "OpenStack-API-Version: container-infra latest",
            *(["Content-Type: application/json", f"Content-Length: {len(content)}"] if content else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + content

    def processes(self) -> list[int]:
        """Give the parent, which serves nothing, and those that serve."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def memory(self) -> dict[str, float]:
        """Give MiB: of the largest process, all that it maps, and of all together, what is shared counted once."""
        processes = self.processes()
        return {
            "largest_mib": round(max(_kibibytes(pid, "status", "VmRSS:") for pid in processes) / 1024, 1),
            "together_mib": round(sum(_kibibytes(pid, "smaps_rollup", "Pss:") for pid in processes) / 1024, 1),
        }

    def cpu_seconds(self) -> float:
        ticks = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def _kibibytes(pid: int, file: str, name: str) -> int:
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
