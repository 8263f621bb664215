"""A mirror of Kubernetes' releases, laid out as https://dl.k8s.io is: the programs that this host has built or fetched.

`/v1.20.2/bin/linux/amd64/kubelet` is a program and `kubelet.sha256` beside it its checksum; there is nothing else. What
is built while this runs is there at once.
"""

import argparse
import functools
import hashlib
import platform
import shutil
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, ClassVar

from magnum.drivers.kubernetes.names import PROGRAMS, release_folder
from magnum.drivers.local_kubernetes.programs import ProgramsSource
from magnum.nodes.kubernetes.versions import Version

CHECKSUM = ".sha256"
PATIENCE = 60.0


def find(cache_dir: Path, path: str) -> Path | None:
    """Give the program with this path in a release."""
    tag, name = path.split("/")[1] if path.startswith("/") else "", path.rpartition("/")[2]
    try:
        Version.parse(tag)
    except ValueError:
        return None
    if name not in PROGRAMS or path != f"{release_folder('', tag, platform.machine())}/{name}":
        return None
    program = ProgramsSource(cache_dir=cache_dir).cached(tag) / name
    return program if program.is_file() else None


def checksum(program: Path) -> str:
    found = program.stat()
    return _checksum(program, found.st_mtime_ns, found.st_size)


@functools.lru_cache
def _checksum(program: Path, _changed: int, _size: int) -> str:
    with program.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Mirror(BaseHTTPRequestHandler):
    cache_dir: ClassVar[Path]
    timeout = PATIENCE

    def do_GET(self) -> None:
        self._answer(content=True)

    def do_HEAD(self) -> None:
        self._answer(content=False)

    def _answer(self, *, content: bool) -> None:
        program = find(self.cache_dir, self.path.removesuffix(CHECKSUM))
        if program is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        elif self.path.endswith(CHECKSUM):
            text = checksum(program).encode()
            self._send(BytesIO(text), len(text), content=content)
        else:
            with program.open("rb") as file:
                self._send(file, program.stat().st_size, content=content)

    def _send(self, file: BinaryIO, size: int, *, content: bool) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if content:
            shutil.copyfileobj(file, self.wfile, 1 << 20)


def server(address: str, port: int, cache_dir: Path) -> ThreadingHTTPServer:
    return ThreadingHTTPServer((address, port), type("CacheMirror", (Mirror,), {"cache_dir": cache_dir}))


def main() -> None:
    parser = argparse.ArgumentParser(prog="lab.releases", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()
    server(options.address, options.port, options.cache).serve_forever()


if __name__ == "__main__":
    main()
