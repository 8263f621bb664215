"""Our API with real tokens of three projects: everybody's own, and nothing of anybody else's."""

import pytest
from cloud import until
from policy_requests import FEDERATION, HEALTH, REQUESTS, replaced
from test_policy_matrix import HIDDEN, MATRIX, expected

WHO = {
    "system admin": "system-admin",
    "project admin": "admin",
    "manager": "manager",
    "member": "member",
    "reader": "reader",
    "other project": "other",
}
"""Whose token stands for a column of the table."""
TEMPLATE = {"coe": "swarm-mode", "image_id": "fake", "keypair_id": "key"}
NOTHING = "7c4c8c2c-1d1f-4b53-b0a4-3b8a9a3b0c00"


class Things:
    """Those of the member, and what is everybody's; gone in the end."""

    def __init__(self, person) -> None:
        self._person = person
        self._clusters: list[tuple[str, str]] = []
        owner, admin = person("member"), person("admin")
        self.names = {"public": admin.make("/clustertemplates", TEMPLATE | {"name": "public", "public": True})}
        self.names["unused"] = owner.make("/clustertemplates", TEMPLATE | {"name": "unused"})
        for name in ("admin", "other"):
            self._make_cluster(name, "own")
        for name in ("cluster", "failed", "own"):
            self.names[name] = self._make_cluster("member", name)
        cluster = self.names["cluster"]
        self.names["nodegroup"] = owner.make(f"/clusters/{cluster}/nodegroups", {"name": "gpu"})
        self.names["federation"] = owner.make("/federations", FEDERATION | {"hostcluster_id": cluster})
        self._settle("member", cluster)

    def _make_cluster(self, name: str, cluster: str) -> str:
        body = {"name": cluster, "cluster_template_id": self.names["public"]}
        uuid = self._person(name).make("/clusters", body)
        self._clusters.append((name, uuid))
        self._settle(name, uuid)
        return uuid

    def _settle(self, name: str, uuid: str) -> None:
        def settled() -> bool:
            return str(self._person(name).ask("GET", f"/clusters/{uuid}").json()["status"]).endswith("_COMPLETE")

        until(f"cluster {uuid} is complete", settled)

    def _is_there(self, name: str, uuid: str) -> bool:
        return bool(self._person(name).ask("GET", f"/clusters/{uuid}").status_code == 200)

    def remove(self) -> None:
        self._person("member").ask("DELETE", f"/federations/{self.names['federation']}")
        for name, uuid in self._clusters:
            self._person(name).ask("DELETE", f"/clusters/{uuid}")
        until("all clusters are gone", lambda: not any(self._is_there(*found) for found in self._clusters))
        for template in ("unused", "public"):
            assert self._person("admin").ask("DELETE", f"/clustertemplates/{self.names[template]}").status_code == 204


@pytest.fixture(scope="module")
def things(person):
    made = Things(person)
    yield made
    made.remove()


@pytest.fixture
def ask(person, things):
    """Send the request of a rule with somebody's token."""

    def run(who, rule, **instead):
        asked = REQUESTS[rule]
        asker = person(WHO[who])
        project = asker.connection.current_project_id or "none"
        names = things.names | {"own": "own", "project": project, "new project": project} | instead
        path, body = asked.path, asked.body
        if body is HEALTH:  # which the conductor may have set meanwhile
            body = replaced("health_status", "HEALTHY")
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", value)
        if isinstance(body, dict):
            body = {key: names.get(str(value).strip("{}"), value) for key, value in body.items()}
        version = {"OpenStack-API-Version": f"container-infra {asked.version}"}
        return asker.ask(asked.method, path, body, **version)

    return run


@pytest.mark.parametrize("rule", [rule for rule in REQUESTS if not rule.endswith("_all_projects")])
def test_the_table_of_policy_holds_for_real_tokens(ask, things, rule):
    """Ask for all that is refused, and for what is allowed and changes nothing."""
    asked = {who: expected(rule, who) for who in WHO}
    assert MATRIX[rule].keys() >= WHO.keys()
    for who, answer in asked.items():
        if answer == "y" and REQUESTS[rule].method == "GET":
            assert ask(who, rule).status_code == 200, who
        elif answer == "n":
            refused = ask(who, rule)
            assert refused.status_code == 403, (who, refused.text)
        elif answer == "-":
            found, nothing = ask(who, rule), ask(who, rule, **dict.fromkeys(HIDDEN, NOTHING))
            assert (found.status_code, found.status_code in (400, 404)) == (nothing.status_code, True), who


def test_the_member_creates_a_template_and_a_cluster_with_the_command(cloud):
    create = ("coe", "cluster", "template", "create", "by-command", "--coe", "swarm-mode", "--image", "fake")
    cloud.command("member", *create, "--external-network", "public", "--keypair", "key")
    try:
        assert "by-command" in [found["name"] for found in cloud.show("member", "coe", "cluster", "template", "list")]
        assert "by-command" in [found["name"] for found in cloud.show("reader", "coe", "cluster", "template", "list")]
        assert "by-command" not in [
            found["name"] for found in cloud.show("other", "coe", "cluster", "template", "list")
        ]
    finally:
        cloud.command("member", "coe", "cluster", "template", "delete", "by-command")


def clusters_of(somebody):
    return {found["uuid"] for found in somebody.ask("GET", "/clusters").json()["clusters"]}


def test_lists_pages_and_names_are_of_the_own_project(person, things):
    own = {things.names[name] for name in ("cluster", "failed", "own")}
    assert own <= clusters_of(person("member")) == clusters_of(person("colleague"))
    assert not own & (clusters_of(person("other")) | clusters_of(person("third")))
    assert person("other").ask("GET", "/clusters/cluster").status_code == 404
    assert person("other").ask("GET", f"/clusters?marker={things.names['cluster']}").status_code in (400, 404)
    assert person("other").ask("GET", f"/certificates/{things.names['cluster']}").status_code == 404


def test_stats_count_the_own_project(person, things):
    mine = person("member").connection.current_project_id
    count = len(clusters_of(person("member")))
    assert person("member").ask("GET", f"/stats?project_id={mine}").json()["clusters"] == count
    assert person("other").ask("GET", f"/stats?project_id={mine}").status_code == 403
    assert person("third").ask("GET", "/stats").json()["clusters"] == len(clusters_of(person("third")))


def test_an_administrator_sees_the_clusters_of_all_projects(person, things):
    seen = person("admin").ask("GET", "/clusters/detail").json()["clusters"]
    projects = {person(name).connection.current_project_id for name in ("admin", "member", "other")}
    assert projects <= {cluster["project_id"] for cluster in seen}


def test_what_a_client_makes_up_counts_for_nothing(cloud, person):
    forged = {"X-Roles": "admin", "X-Project-Id": "p", "X-User-Id": "u", "OpenStack-System-Scope": "all"}
    assert person("reader").ask("POST", "/clustertemplates", TEMPLATE, **forged).status_code == 403


def test_a_token_that_is_taken_back_is_refused(cloud, person):
    leaving = cloud.login("member", project_name="demo", project_domain_name="Default").connection.session
    token = leaving.get_token()
    url = leaving.get_endpoint(service_type="container-infra", interface="public")
    leaving.delete(f"{cloud.identity}/auth/tokens", headers={"X-Subject-Token": token})
    answer = leaving.get(f"{url}/clusters", headers={"X-Auth-Token": token}, authenticated=False, raise_exc=False)
    assert answer.status_code == 401
