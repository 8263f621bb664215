"""The document is true: a program that knows nothing else asks for everything, good and bad, and finds no other answer.

No answer is a 5xx, none has a status, a type, a header or a body that the document does not have, and bad data is
refused. `schemathesis.toml` says what is asked for, and which checks are left out and why. The examples are few here,
and always the same; `make test-openapi-full` takes many, and others each time.
"""

import os
import subprocess
import sys
from pathlib import Path

from openapi_rig import PASSWORD, USER, prepare, running_service

HERE = Path(__file__).parent
EXAMPLES = os.environ.get("MAGNUM_OPENAPI_EXAMPLES")
FEW = ("--phases", "examples,fuzzing,stateful", "--max-examples", "5", "--seed", "20261120")
"""Without the 6 000 requests that go through each schema systematically."""
MANY = ("--max-examples", EXAMPLES or "")
SECONDS = 6 * 3600 if EXAMPLES else 600


def test_nothing_is_answered_that_is_not_documented(tmp_path):
    with running_service(tmp_path) as service:
        prepare(service.url)
        document = f"{service.url}/v1/openapi.json"
        done = subprocess.run(
            [
                *(Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml"),
                *("run", document, "--url", service.url, "--auth", f"{USER}:{PASSWORD}"),
                *(MANY if EXAMPLES else FEW),
            ],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        said = done.stdout[-20_000:] + done.stderr[-2_000:]
        assert done.returncode == 0, said
        assert "No issues found" in said
