"""What holds for every file of the node program; shellcheck reads them in `make lint`."""

import subprocess
from pathlib import Path

import pytest

from magnum.nodes import files

PROGRAM = Path(files.__file__).parent / "program"
SCRIPTS = sorted(
    path
    for path in PROGRAM.rglob("*")
    if path.is_file() and path.suffix in ("", ".sh") and not path.name.startswith(".")
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(PROGRAM)))
def test_a_shell_can_read_it(script):
    ran = subprocess.run(["/bin/bash", "-n", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_script_is_among_those():
    names = {str(path.relative_to(PROGRAM)) for path in SCRIPTS}
    assert {"bootstrap", "report", "lib/node.sh", "steps/swarm-mode/10-check-image"} < names


@pytest.mark.parametrize(
    "script", [path for path in SCRIPTS if path.suffix == ""], ids=lambda path: str(path.relative_to(PROGRAM))
)
def test_every_program_stops_at_the_first_error(script):
    assert "\nset -euo pipefail\n" in script.read_text()
