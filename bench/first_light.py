"""How long a user waits: for an answer to POST /v1/clusters, for a real swarm, and for real Kubernetes.

Prints one JSON document; `--write` keeps it in bench/results/. The machines need root, and their root file system in
the cache (`make run` or `make test` have made it); Kubernetes is left out while its programs are not there
(`make run COE=kubernetes` gets them).
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import urllib3

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "tests"))  # the same processes, started and ended in the same way

from programs import Standalone  # noqa: E402

from magnum.drivers.kubernetes.names import DEFAULT_TAG  # noqa: E402
from magnum.drivers.local.settings import default_cache_dir  # noqa: E402
from magnum.drivers.local_kubernetes.programs import ProgramsSource  # noqa: E402

POSTS = 100
CLUSTERS = 3
KUBERNETES = {"network_driver": "bridge", "master_flavor_id": "m1.medium", "flavor_id": "m1.small"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    figures: dict[str, Any] = {"cores": os.cpu_count(), "python": platform.python_version()}
    with (
        tempfile.TemporaryDirectory() as folder,
        Standalone(Path(folder) / "var", "[quotas]\nmax_clusters_per_project = 1000\n") as service,
    ):
        figures["post_cluster_milliseconds"] = posts(service)
        if os.geteuid() == 0:
            figures["swarm_of_1_and_2_seconds"] = clusters(service, create_template(service, "debian-12"), workers=2)
        if os.geteuid() == 0 and ProgramsSource(cache_dir=default_cache_dir()).find(DEFAULT_TAG):
            kubernetes = create_template(service, "debian-12", coe="kubernetes", **KUBERNETES)
            figures["kubernetes_of_1_and_1_seconds"] = clusters(service, kubernetes, workers=1)
    document = json.dumps(figures, indent=2)
    print(document)
    if options.write:
        (BENCH / "results/first_light.json").write_text(document + "\n")


def posts(service: Standalone) -> dict[str, float]:
    """Measure on one connection, with the password verified already; the clusters are of the fake driver."""
    template = create_template(service, "fake")
    pool = urllib3.HTTPConnectionPool("127.0.0.1", service.port, maxsize=1)
    times = []
    for number in range(POSTS + 10):
        body = {"name": f"post-{number}", "cluster_template_id": template}
        began = time.perf_counter()
        answer = pool.request("POST", "/v1/clusters", json=body, headers=service.login())
        times.append((time.perf_counter() - began) * 1000)
        assert answer.status == 202, answer.data
    return percentiles(times[10:])


def clusters(service: Standalone, template: str, *, workers: int) -> list[dict[str, float]]:
    figures = []
    for number in range(CLUSTERS):
        name = f"cluster-{number}"
        body = {"name": name, "cluster_template_id": template, "node_count": workers}
        began = time.perf_counter()
        answer = urllib3.request("POST", f"{service.url}/clusters", json=body, headers=service.login())
        assert answer.status == 202, answer.data
        service.until(name, "CREATE_COMPLETE", seconds=300)
        made = time.perf_counter()
        urllib3.request("DELETE", f"{service.url}/clusters/{name}", headers=service.login())
        service.until_gone(name, seconds=60)
        figures.append({"create": round(made - began, 2), "delete": round(time.perf_counter() - made, 2)})
    return figures


def create_template(service: Standalone, image: str, coe: str = "swarm-mode", **more: str) -> str:
    body = {"name": f"{coe} on {image}", "coe": coe, "image_id": image, "external_network_id": "public", **more}
    answer = urllib3.request("POST", f"{service.url}/clustertemplates", json=body, headers=service.login())
    assert answer.status == 201, answer.data
    return str(answer.json()["uuid"])


def percentiles(times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=100)
    return {name: round(cuts[percent - 1], 2) for name, percent in (("p50", 50), ("p95", 95), ("p99", 99))}


if __name__ == "__main__":
    main()
