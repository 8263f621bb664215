"""How long the API takes to answer, warm, one request at a time, on a standalone service with simulated machines.

The aim is a median under 50 ms for POST /v1/clusters. Run by `make bench`.
"""

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import yaml

from magnum.standalone.state import StateDirectory

CLUSTERS = 100
AIM_MS = 50


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        state = StateDirectory(Path(folder) / "var")
        with state.held():
            state.prepare(host="127.0.0.1", port=9599)
        with state.configuration.open("a") as file:
            file.write(
                f"\n[drivers]\ndisabled_drivers = local_swarm\n[quotas]\nmax_clusters_per_project = {CLUSTERS}\n"
            )
        program = Path(sys.executable).parent / "magnum-standalone"
        command = [program, "--state-dir", state.path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as service:
            assert service.stdout
            try:
                if not service.stdout.readline():
                    return 1
                return measure(state)
            finally:
                service.terminate()


def measure(state: StateDirectory) -> int:
    auth = yaml.safe_load(state.clouds.read_text())["clouds"]["magnum"]["auth"]
    login = b64encode(f"{auth['username']}:{auth['password']}".encode()).decode()
    connection = http.client.HTTPConnection("127.0.0.1", 9599, timeout=30)
    headers = {
        "Authorization": f"Basic {login}",
        "Content-Type": "application/json",
        "OpenStack-API-Version": "container-infra latest",
    }

    def call(method: str, path: str, body: object = None) -> int:
        connection.request(method, f"/v1{path}", body and json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    template = {"name": "t", "coe": "swarm-mode", "image_id": "fake"}
    assert call("POST", "/clustertemplates", template) == 201
    median = report("POST /v1/clusters", CLUSTERS, lambda: call("POST", "/clusters", {"cluster_template_id": "t"}), 202)
    report("GET /v1/clusters", 50, lambda: call("GET", "/clusters"), 200)
    report("GET /", 50, lambda: call("GET", "/"), 200)
    return 0 if median < AIM_MS else 1


def report(name: str, times: int, request: Callable[[], int], expected: int) -> float:
    """Print the median and the tail in milliseconds; give the median."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        assert request() == expected
        taken.append((time.perf_counter() - began) * 1000)
    median, tail = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
    print(f"{name:20}  p50 {median:6.1f} ms   p95 {tail:6.1f} ms   max {max(taken):6.1f} ms")
    return median


if __name__ == "__main__":
    sys.exit(main())
