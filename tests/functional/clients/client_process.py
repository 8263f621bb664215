"""Runs commands of the environment whose Python runs this file: a JSON line in, a JSON line out, one process for all.

The commands are called as their console scripts call them. What one leaves behind in the process is put back before the
next, so that each finds what a process of its own would have, without the second that Python takes to load it.
"""

import contextlib
import io
import json
import logging
import os
import sys
import warnings
from importlib.metadata import entry_points
from typing import Any

ENVIRONMENT = dict(os.environ)
GROUP = "openstack.container_infra.v1"


def load(program: str) -> Any:
    [script] = [found for found in entry_points(group="console_scripts") if found.name == program]
    return script.load()


def forget_the_last_command() -> None:
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    if manager := sys.modules.get("osc_lib.clientmanager"):
        kept = vars(manager.ClientManager).get("container_infra")
        if kept is not None:
            kept._handle = None  # a command expects one cloud in the life of its process


def run(program: str, arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    forget_the_last_command()
    os.environ.clear()
    os.environ.update(ENVIRONMENT | environment)
    out, err = io.StringIO(), io.StringIO()
    sys.argv = [program, *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = load(program)()
        except SystemExit as end:
            code = end.code
    return {"code": int(code or 0), "out": out.getvalue(), "err": err.getvalue()}


def main() -> None:
    warnings.simplefilter("ignore")
    answers = sys.stdout
    names = [found.name.replace("_", " ") for found in entry_points(group=GROUP)]
    print(json.dumps(sorted(names)), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
