"""How long POST /v1/clusters takes in a lab, where all that it names is looked for in real services.

Once for a cluster that names what most do, and once for one that names all there is to name. `make lab` first, or say
in MAGNUM_LAB which folder a lab is in. The clusters are simulated, and gone in the end. Writes
bench/results/create_in_lab.json. All services share the machine, so its load counts: it is written down too.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import yaml

BENCH = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCH.parent / "tests/openstack")]

from cloud import Cloud, Person, until  # noqa: E402

ROUNDS = 15
USUAL = {"coe": "kubernetes", "image_id": "fake", "flavor_id": "m1.small", "external_network_id": "public"}
EVERYTHING = USUAL | {
    "master_flavor_id": "m1.medium",
    "fixed_network": "private",
    "fixed_subnet": "private",
    "master_lb_enabled": True,
    "docker_volume_size": 5,
    "labels": {"docker_volume_type": "standard", "availability_zone": "nova"},
}


def main() -> None:
    folder = Path(os.environ.get("MAGNUM_LAB", BENCH.parent / "var/lab"))
    cloud = Cloud(folder, yaml.safe_load((folder / "clouds.yaml").read_text())["clouds"])
    member = cloud.person("member")
    found: dict[str, Any] = {"cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 1)}
    for name, template in {"usual": USUAL, "everything": EVERYTHING}.items():
        found[name] = measure(member, template)
        print(name, found[name])
    member.close()
    (BENCH / "results" / "create_in_lab.json").write_text(json.dumps(found, indent=1) + "\n")


def measure(member: Person, template: dict[str, Any]) -> dict[str, float]:
    """Give milliseconds."""
    made = member.make("/clustertemplates", template)
    clusters, taken = [], []
    try:
        for number in range(ROUNDS + 1):
            body = {"name": f"bench-{number}", "cluster_template_id": made, "keypair": "key"}
            begun = time.perf_counter()
            clusters.append(member.make("/clusters", body))
            taken.append((time.perf_counter() - begun) * 1000)
    finally:
        remove(member, clusters)
        member.ask("DELETE", f"/clustertemplates/{made}")
    taken = sorted(taken[1:])  # the first one opens connections and caches
    return {"least": round(taken[0]), "median": round(statistics.median(taken)), "most": round(taken[-1])}


def remove(member: Person, clusters: list[str]) -> None:
    def is_there(uuid: str) -> bool:
        return bool(member.ask("GET", f"/clusters/{uuid}").status_code == 200)

    for uuid in clusters:
        member.ask("DELETE", f"/clusters/{uuid}")
    until("all clusters are gone", lambda: not any(map(is_there, clusters)))


main()
