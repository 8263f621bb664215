"""A machine for the node program's tests: a scratch root, the program in it, and stand-ins for what it calls."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from magnum.nodes.data import NodeData, NodeToken
from magnum.nodes.files import PROGRAM, NodeFile, node_files

TOKEN = "secret-token-of-the-node-0123456789abcdef"
CLUSTER = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"

# Says what it was asked in $STUBS/calls (arguments, then what came by pipe or file), and answers with the next of
# $STUBS/answers: the first line is curl's exit status and the HTTP status, the rest is the body. The last answer is for
# all further calls.
CURL = """#!/bin/bash
call=$(mktemp "$STUBS/calls/$(date +%s%N).XXXXXX")
printf '%s\\n' "$@" >"$call"
while (($#)); do
  case $1 in
    --config) { echo --- config; cat "$2"; } >>"$call" ;;
    --output) answer=$2 ;;
    --dump-header) headers=$2 ;;
    --data-binary) { echo --- body; cat "${2#@}"; } >>"$call" ;;
    --data-urlencode) [[ $2 == *=* ]] || { echo --- "${2%%@*}"; cat "${2#*@}"; } >>"$call" ;;
  esac
  shift
done
next=$(ls "$STUBS/answers" | head -n 1)
read -r code status <"$STUBS/answers/$next"
tail -n +2 "$STUBS/answers/$next" >"$answer"
[[ -z ${headers:-} ]] || printf 'HTTP/1.1 201 Created\\r\\nX-Subject-Token: token-of-keystone\\r\\n\\r\\n' >"$headers"
[[ $(ls "$STUBS/answers" | wc -l) == 1 ]] || rm "$STUBS/answers/$next"
((code == 0)) || echo "curl: ($code) it did not work" >&2
printf '%s' "$status"
exit "$code"
"""

RECORDER = """#!/bin/bash
echo "${0##*/} $*" >>"$STUBS/commands"
"""


class Machine:
    """What the program sees is under `root`; PATH begins with `bin`, where stand-ins are."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.stubs = folder / "stubs"
        self.bin = folder / "bin"
        for made in (self.root / "var/log", self.stubs / "calls", self.stubs / "answers", self.bin):
            made.mkdir(parents=True)
        self.stub("curl", CURL)
        self.stub("sleep", RECORDER)

    def install(self, placed: Sequence[NodeFile]) -> None:
        for file in placed:
            path = self.root / file.path.removeprefix("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            path.chmod(file.mode)

    def stub(self, name: str, text: str = RECORDER) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def step(self, name: str, text: str, coe: str = "swarm-mode") -> None:
        path = self.path(f"{PROGRAM}/steps/{coe}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"set -euo pipefail\n{text}\n")

    def only_steps(self, **steps: str) -> None:
        shutil.rmtree(self.path(f"{PROGRAM}/steps/swarm-mode"))
        for name, text in steps.items():
            self.step(name.removeprefix("step_").replace("_", "-"), text)

    def answer(self, *answers: tuple[int, int, str]) -> None:
        """Give curl's next answers: its exit status, the HTTP status and the body."""
        for old in (self.stubs / "answers").iterdir():
            old.unlink()
        for number, (code, status, body) in enumerate(answers):
            (self.stubs / "answers" / f"{number:03}").write_text(f"{code} {status:03}\n{body}")

    def path(self, path: str) -> Path:
        return self.root / path.removeprefix("/")

    def run(self, *command: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        known = {"PATH": f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin", "MAGNUM_ROOT": str(self.root)}
        return subprocess.run(
            ["/bin/bash", *command],
            env={**known, "STUBS": str(self.stubs), **(environment or {})},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def program(self, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(self.path(f"{PROGRAM}/{name}")), *arguments, environment=environment)

    def shell(self, script: str, library: str = "certificates") -> subprocess.CompletedProcess[str]:
        """Run lines with a library of the program's."""
        library_path = self.path(f"{PROGRAM}/lib/{library}.sh")
        return self.run("-c", f'set -euo pipefail; source "{library_path}"\n{script}')

    @property
    def calls(self) -> list[str]:
        """All that curl was asked, in order."""
        return [call.read_text() for call in sorted((self.stubs / "calls").iterdir())]

    @property
    def commands(self) -> list[str]:
        path = self.stubs / "commands"
        return path.read_text().splitlines() if path.exists() else []


def node_data(**changes: object) -> NodeData:
    given: dict[str, object] = {
        "cluster_uuid": CLUSTER,
        "node_name": "web-1",
        "role": "worker",
        "coe": "swarm-mode",
        "address": "10.20.0.11",
        "api_url": "https://10.20.0.1:9511/v1",
        "credential": NodeToken(TOKEN),
    }
    return NodeData(**(given | changes))  # type: ignore[arg-type]


@pytest.fixture
def make_data():
    return node_data


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.install(node_files(node_data()))
    machine.answer((0, 204, ""))
    return machine
