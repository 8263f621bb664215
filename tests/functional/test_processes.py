"""An API and two conductors, each a process of its own, on each kind of server: clusters live, and quotas hold."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3
from databases import KINDS
from installation import Installation, free_port

SECONDS = 180
QUOTA = 5
ASKING = 16


class Client:
    """Somebody of a project."""

    def __init__(self, url, project):
        self._url = url
        self._identity = {"X-User-Id": "ann", "X-Project-Id": project, "X-Roles": "member"}
        self._identity["OpenStack-API-Version"] = "container-infra latest"
        self._pool = urllib3.PoolManager(maxsize=ASKING, retries=False, timeout=SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._pool.clear()

    def call(self, method, path, body=None):
        return self._pool.request(method, f"{self._url}/v1{path}", json=body, headers=self._identity)

    def ask(self, method, path, body=None, *, status):
        answer = self.call(method, path, body)
        assert answer.status == status, answer.data
        return answer.json() if answer.data else None

    def make_template(self):
        body = {"name": "swarm", "coe": "swarm-mode", "image_id": "fake"}
        return self.ask("POST", "/clustertemplates", body, status=201)["uuid"]

    def make_cluster(self, template, **more):
        return self.ask("POST", "/clusters", {"cluster_template_id": template} | more, status=202)["uuid"]

    def until(self, uuid, status):
        deadline = time.monotonic() + SECONDS
        while (answer := self.call("GET", f"/clusters/{uuid}")).status == 200:
            shown = answer.json()
            if shown["status"] == status:
                return shown
            assert not shown["status"].endswith("FAILED"), shown["status_reason"]
            assert time.monotonic() < deadline, shown
            time.sleep(0.1)
        assert (answer.status, status) == (404, "gone")
        return None


@pytest.fixture(scope="module", params=KINDS)
def service(request, database_servers, tmp_path_factory):
    options = {"quotas": {"max_clusters_per_project": QUOTA}, "conductor": {"quiet_period": 1}}
    options |= {"api": {"workers": 2}}
    with database_servers[request.param].database() as url:
        installation = Installation(tmp_path_factory.mktemp("service"), url, port=free_port(), options=options)
        with installation.api(), installation.conductor("one"), installation.conductor("two"):
            yield installation


def test_clusters_live_and_die(service):
    """Several at a time, on two conductors."""
    with Client(service.url, "fishers") as ann:
        template = ann.make_template()
        made = [ann.make_cluster(template, name=f"web-{number}", node_count=2) for number in range(QUOTA)]
        for uuid in made:
            shown = ann.until(uuid, "CREATE_COMPLETE")
            assert len(shown["node_addresses"]) == 2
        for uuid in made:
            ann.ask("POST", f"/clusters/{uuid}/actions/resize", {"node_count": 4}, status=202)
        for uuid in made:
            shown = ann.until(uuid, "UPDATE_COMPLETE")
            assert len(shown["node_addresses"]) == shown["node_count"] == 4
        for uuid in made:
            ann.ask("DELETE", f"/clusters/{uuid}", status=204)
        for uuid in made:
            ann.until(uuid, "gone")


def test_a_quota_holds_when_all_ask_at_once(service):
    with Client(service.url, "crowd") as crowd, ThreadPoolExecutor(ASKING) as threads:
        template = crowd.make_template()
        body = {"cluster_template_id": template}
        answers = list(threads.map(lambda _: crowd.call("POST", "/clusters", body).status, range(ASKING)))
        assert sorted(answers) == [202] * QUOTA + [403] * (ASKING - QUOTA)
        listed = crowd.ask("GET", "/clusters", status=200)["clusters"]
        assert len(listed) == QUOTA
