"""Every path that names something gets names that cannot be, names of nothing, and names of what is another project's.

The paths are those of the application itself, so that a new one is not forgotten.
"""

import re
from urllib.parse import quote

import pytest
from falcon.inspect import inspect_routes

from magnum.api.app import make_app

NOTHING = "99999999-9999-4999-8999-999999999999"
MALFORMED = [
    "a\x00b",
    "a\nb",
    "\x7f",
    "x" * 300,
    "é",
    "名",
    "🐳",
    "'",
    '"',
    "a b",
    "%",
    "..",
    "~",
    "null",
    "0",
    "-1",
    "{}",
]
METHODS = ("GET", "POST", "PATCH", "DELETE")
BODIES = {
    "resize": {"node_count": 1},
    "upgrade": {"cluster_template": "swarm"},
    "plan": {"resize": {"node_count": 1}},
    "retry": None,
    "config": {"csr": "x"},
    "nodegroups": {"name": "more"},
}
NO_BODY = ("certificates", "credentials")


OLD = ("/bays", "/baymodels")


class Stage:
    def __init__(self, world) -> None:
        self.world = world
        self.ann, eve = world.person("ann", "fishers"), world.person("eve", "others")
        for person in (self.ann, eve):
            template = person.make_template(name="swarm", keypair_id="key")["uuid"]
            cluster = person.make_cluster("swarm", name="web")
            world.set_status(cluster, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
            body = {"name": "all", "hostcluster_id": "web", "properties": {"dns-zone": "x"}}
            federation = person.post("/federations", body).json["uuid"]
        self.hers = {"clustertemplates": template, "baymodels": template, "federations": federation}
        self.cluster = cluster

    def routes(self) -> list[tuple[str, str]]:
        """Give every method and path that names something."""
        found = inspect_routes(make_app(self.world.service))
        return [
            (method.method, route.path.removeprefix("/v1"))
            for route in found
            for method in route.methods
            if "{" in route.path and method.method in METHODS
        ]

    def foreign(self, path: str) -> str:
        return self.hers.get(path.split("/")[1], self.cluster)

    def ask(self, method: str, path: str, **names: str):
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        version = "1.10" if path.startswith(OLD) else "latest"
        return self.ann.call(method, path, body_of(method, path), version=version)


@pytest.fixture(scope="module")
def stage(shared_world):
    return Stage(shared_world)


def body_of(method: str, path: str) -> object:
    if method == "PATCH":
        if path.startswith("/quotas"):
            return {"hard_limit": 1}
        return None if path.split("/")[1] in NO_BODY else [{"op": "replace", "path": "/node_count", "value": 1}]
    return BODIES.get(path.rpartition("/")[2]) if method == "POST" else None


USUAL = {"ident": "web", "nodegroup": "default-worker", "action": "explode", "ca_type": "etcd", "resource": "Cluster"}


@pytest.mark.parametrize("ident", MALFORMED)
def test_names_that_cannot_be(stage, ident):
    for method, path in stage.routes():
        for name in re.findall(r"{(\w+)}", path):
            if name == "ca_type":
                continue  # any word is one
            answer = stage.ask(method, path, **(USUAL | {"project": "fishers"} | {name: ident}))
            allowed = {400, 403} if path.startswith("/quotas") else set()
            if method == "GET" and name == "resource":
                allowed.add(200)  # the default, whatever was asked
            assert answer.status_code in {404, 405} | allowed, (method, path, name, answer.text)
            if answer.status_code in {400, 404}:
                (error,) = answer.json["errors"]
                assert 0 < len(error["detail"]) < 400
                assert error["detail"].isprintable()


def test_what_is_another_projects_is_like_what_is_not_there(stage):
    for method, path in stage.routes():
        if "{ident}" not in path:
            continue
        hers = stage.foreign(path)
        answers = [stage.ask(method, path, **(USUAL | {"ident": ident})) for ident in (hers, NOTHING)]
        assert answers[0].status_code == answers[1].status_code, (method, path)
        assert answers[0].status_code in {404, 405}, (method, path, answers[0].text)
        assert answers[0].text.replace(hers, NOTHING) == answers[1].text
