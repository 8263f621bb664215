"""A service to be asked by its own document: an API and a conductor as processes, with machines that take no time."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import urllib3
from installation import Installation, free_port
from live import write_catalogue

from magnum.openstack.catalogue import Catalogue
from magnum.openstack.offers import Flavor, Image

USER, PASSWORD = "ann", "correct horse"
SECONDS = 180
CATALOGUE = Catalogue(
    images=(Image(id="11111111-1111-4111-8111-111111111111", name="fake", os_distro="fake"),),
    flavors=(Flavor(id="1", name="m1.small", memory_mib=1024, vcpus=1, disk_gib=10),),
)


@contextlib.contextmanager
def running_service(folder: Path) -> Iterator[Installation]:
    """Run it for an administrator who has a password."""
    users = folder / "users"
    users.write_text(f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}:fishers:admin\n")
    options = {
        "DEFAULT": {"auth_strategy": "http_basic", "http_basic_auth_user_file": users},
        "quotas": {"max_clusters_per_project": 100_000},
        "local": {"catalogue": write_catalogue(folder / "catalogue.toml", CATALOGUE)},
        "fake": {"latencies": ",".join(f"{name}:0" for name in ("boot", "vanish", "create_machine", "join"))},
    }
    database = f"sqlite:///{folder}/magnum.sqlite"
    installation = Installation(folder, database, port=free_port(), options=options)
    with installation.api(), installation.conductor("one"):
        yield installation


class Client:
    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = urllib3.PoolManager(retries=False, timeout=SECONDS)
        self._login = urllib3.make_headers(basic_auth=f"{USER}:{PASSWORD}")

    def call(self, method: str, path: str, body: Any = None, *, version: str = "1.14") -> urllib3.BaseHTTPResponse:
        headers = self._login | {"Accept": "application/json", "OpenStack-API-Version": f"container-infra {version}"}
        return self._pool.request(method, self.url + path, json=body, headers=headers)

    def make(self, path: str, body: Any) -> None:
        answer = self.call("POST", path, body)
        assert answer.status < 300, answer.data

    def until(self, cluster: str, status: str) -> None:
        deadline = time.monotonic() + SECONDS
        shown: dict[str, Any] = {}
        while time.monotonic() < deadline:
            shown = self.call("GET", f"/v1/clusters/{cluster}?wait=10").json()
            if shown.get("status") == status:
                return
        raise AssertionError(f"{cluster} is not {status}: {shown}")

    def close(self) -> None:
        self._pool.clear()


def prepare(url: str) -> None:
    """Make what examples and `schemathesis.toml` name."""
    client = Client(url)
    labels = {"fake_faults": "refuse:create_network:There is no room."}
    for name, version in (("swarm", "1.0"), ("newer", "2.0"), ("model", "1.0"), ("gone", "1.0")):
        template = {"name": name, "coe": "swarm-mode", "image_id": "fake", "labels": {"fake_version": version}}
        client.make("/v1/clustertemplates", template | {"keypair_id": "ann"})
    for name in ("web", "mail", "bay", "gone"):
        client.make("/v1/clusters", {"name": name, "cluster_template_id": "swarm", "node_count": 2})
    client.make("/v1/clusters", {"name": "broken", "cluster_template_id": "swarm", "labels": labels})
    for name in ("web", "mail", "bay", "gone"):
        client.until(name, "CREATE_COMPLETE")
    client.until("broken", "CREATE_FAILED")
    for name in ("large", "gone"):
        group = {"name": name, "max_node_count": 4, "node_labels": {"disk": "fast"}}
        client.make("/v1/clusters/web/nodegroups", group)
    client.until("web", "UPDATE_COMPLETE")
    for name in ("all", "gone"):
        federation = {"name": name, "hostcluster_id": "web", "properties": {"dns-zone": "example.org"}}
        client.make("/v1/federations", federation)
    for project in ("hunters", "gone"):
        client.make("/v1/quotas", {"project_id": project, "hard_limit": 5})
    client.close()
