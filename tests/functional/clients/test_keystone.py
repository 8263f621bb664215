"""`auth_strategy = keystone` with a real Keystone: tokens of every scope, in this process and counted."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import falcon.testing
import pytest
import urllib3
from programs import SECONDS
from real import ADMIN, NO_GLANCE, PASSWORD, PEOPLE, TRUSTEES, Keystone, keystone_authtoken

from magnum.conf.settings import load_settings
from magnum.db import clusters, x509keypairs
from magnum.model.names import new_uuid
from magnum.model.x509keypairs import X509KeyPair


class AskedKeystone(Keystone):
    """A Keystone that tests ask themselves."""

    def call(self, method: str, path: str, body=None, *, token: str | None = None):
        headers = {"X-Auth-Token": token} if token else {}
        url = f"{self.url}/{path}"
        answer = urllib3.request(method, url, json=body, headers=headers, timeout=SECONDS, retries=False)
        assert answer.status < 300, answer.data
        return answer

    def token(self, user: str, scope: dict | None = None, domain: str = "default") -> str:
        who = {"user": {"name": user, "domain": {"id": domain}, "password": PASSWORD}}
        auth = {"identity": {"methods": ["password"], "password": who}}
        project = {"project": {"name": PEOPLE[user][0], "domain": {"id": "default"}}} if user in PEOPLE else None
        body = {"auth": auth | ({"scope": found} if (found := scope or project) else {})}
        return self.call("POST", "auth/tokens", body).headers["X-Subject-Token"]


@pytest.fixture(scope="module")
def keystone(tmp_path_factory) -> Iterator[AskedKeystone]:
    with AskedKeystone(tmp_path_factory.mktemp("tokens") / "keystone", "http://127.0.0.1:1/v1") as made:
        yield made


@pytest.fixture
def configure(world, keystone, tmp_path):
    """Let the service in this process ask Keystone, as a file says."""

    def run(more: str = "", authtoken: str = keystone_authtoken(keystone)) -> None:
        file = tmp_path / "magnum.conf"
        strategy = "[DEFAULT]\nauth_strategy = keystone\n[certificates]\ncert_manager_type = x509keypair\n"
        file.write_text(strategy + NO_GLANCE + authtoken + more)
        world.change(settings=load_settings(files=[file]))

    return run


@pytest.fixture
def ask(world, configure):
    """Send a request with a token, and what headers a client may make up."""
    configure()

    def run(token: str | None, path: str = "/v1/clusters", method: str = "GET", json=None, **headers: str):
        def call(environ, start_response):
            return world.app(environ, start_response)

        sent = {"OpenStack-API-Version": "container-infra latest"} | headers
        more = {} if json is None else {"json": json}
        if token:
            sent["X-Auth-Token"] = token
        return falcon.testing.TestClient(call).simulate_request(method, path, headers=sent, **more)

    return run


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """The calls to Keystone from this process."""
    seen: list[str] = []
    original = urllib3.connectionpool.HTTPConnectionPool.urlopen

    def note(pool, method, url, *arguments, **more):
        seen.append(f"{method} {url}")
        return original(pool, method, url, *arguments, **more)

    monkeypatch.setattr(urllib3.connectionpool.HTTPConnectionPool, "urlopen", note)
    return seen


def test_the_version_documents_need_no_token_and_no_call(ask, calls):
    for path in ("/", "/v1", "/v1/", "/healthcheck"):
        assert ask(None, path).status_code == 200
    assert calls == []


@pytest.mark.parametrize("token", [None, "", "nonsense", "gAAAAABk-nonsense", "t\u00e9"])
def test_who_has_no_valid_token_is_told_where_to_get_one(ask, keystone, token):
    answer = ask(token)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == f'Keystone uri="{keystone.url}"'
    assert answer.json["errors"][0]["title"] == "The request needs a valid token of Keystone"
    assert answer.headers["x-openstack-request-id"].startswith("req-")


def test_projects_and_roles_are_those_of_the_token(ask, keystone):
    amy, rita, eve = (keystone.token(name) for name in ("amy", "rita", "eve"))
    made = ask(amy, "/v1/clustertemplates", "POST", {"name": "t", "coe": "swarm-mode", "image_id": "fake"})
    assert made.status_code == 201
    uuid = ask(amy, "/v1/clusters", "POST", {"name": "web", "cluster_template_id": "t"}).json["uuid"]
    assert [found["uuid"] for found in ask(rita).json["clusters"]] == [uuid]
    assert ask(rita, f"/v1/clusters/{uuid}", "DELETE").status_code == 403
    assert ask(eve).json["clusters"] == []
    assert ask(eve, f"/v1/clusters/{uuid}", "DELETE").status_code == 404
    assert ask(keystone.token("max"), f"/v1/clusters/{uuid}", "DELETE").status_code == 204


def test_an_administrator_of_a_project_of_the_system_and_of_a_domain(ask, keystone):
    assert ask(keystone.token(ADMIN)).status_code == 200
    of_system = keystone.token(ADMIN, {"system": {"all": True}})
    assert ask(of_system).status_code == 403  # needs a project
    assert ask(keystone.token(ADMIN, {"domain": {"id": "default"}})).status_code == 403
    assert ask(keystone.token(ADMIN, {"unscoped": {}})).status_code == 403  # it has no roles


def test_headers_that_a_client_makes_up_count_for_nothing(ask, keystone):
    forged = {"X-Roles": "admin", "X-Project-Id": "p", "X-User-Id": "u", "OpenStack-System-Scope": "all"}
    rita = keystone.token("rita")
    answer = ask(rita, "/v1/clustertemplates", "POST", {"coe": "swarm-mode", "image_id": "fake"}, **forged)
    assert answer.status_code == 403
    assert ask(None, **forged, **{"X-Identity-Status": "Confirmed"}).status_code == 401


def test_a_token_is_checked_once_and_then_costs_no_call(ask, keystone, calls):
    amy = keystone.token("amy")
    assert ask(amy).status_code == 200
    calls.clear()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: ask(amy).status_code, range(40)))
    assert set(answers) == {200}
    assert calls == []
    assert ask(keystone.token("eve")).status_code == 200
    assert [call for call in calls if call.startswith("GET")] == ["GET /v3/auth/tokens"]  # and no login of ours


def test_a_token_that_is_taken_back_ends_with_the_memory_of_it(ask, keystone, configure):
    configure("token_cache_time = -1\n")
    amy = keystone.token("amy")
    assert ask(amy).status_code == 200
    headers = {"X-Auth-Token": amy, "X-Subject-Token": amy}
    assert urllib3.request("DELETE", f"{keystone.url}/auth/tokens", headers=headers, timeout=SECONDS).status == 204
    assert ask(amy).status_code == 401


def test_the_user_of_an_adopted_cluster_gets_its_certificates_and_no_more(ask, world, keystone, configure):
    amy, admin = keystone.token("amy"), keystone.token(ADMIN)
    ask(amy, "/v1/clustertemplates", "POST", {"name": "t", "coe": "swarm-mode", "image_id": "fake"})
    uuid = ask(amy, "/v1/clusters", "POST", {"name": "web", "cluster_template_id": "t"}).json["uuid"]
    cluster = world.read(lambda tx: clusters.read(tx, uuid))
    [domain] = keystone.call("GET", f"domains?name={TRUSTEES}", token=admin).json()["domains"]
    name = f"{uuid}_{cluster.project_id}"
    user = {"user": {"name": name, "password": PASSWORD, "domain_id": domain["id"]}}
    trustee = keystone.call("POST", "users", user, token=admin).json()["user"]["id"]
    ref = new_uuid(world.service.randomness)
    pair = X509KeyPair(uuid=ref, certificate="the CA", private_key="sealed")
    world.write(lambda tx: x509keypairs.insert(tx, pair))
    world.write(lambda tx: clusters.update(tx, uuid, ca_cert_ref=ref, trustee_user_id=trustee))
    configure(f"[trust]\ntrustee_domain_id = {domain['id']}\n")

    token = keystone.token(name, domain=domain["id"])
    assert ask(token, f"/v1/certificates/{uuid}").json["pem"] == "the CA"
    health = [{"op": "add", "path": "/health_status", "value": "HEALTHY"}]
    assert ask(token, f"/v1/clusters/{uuid}", "PATCH", health).status_code == 202
    assert ask(token, f"/v1/clusters/{uuid}").status_code == 403
    assert ask(token, f"/v1/clusters/{uuid}", "DELETE").status_code == 403


def test_a_quota_is_of_a_project_that_keystone_knows(ask, keystone, calls):
    admin = keystone.token(ADMIN)
    [fishers] = keystone.call("GET", "projects?name=fishers", token=admin).json()["projects"]
    ask(admin)
    calls.clear()
    quota = {"resource": "Cluster", "hard_limit": 3, "project_id": fishers["id"]}
    assert ask(admin, "/v1/quotas", "POST", quota).status_code == 201
    assert calls == [f"GET /v3/projects/{fishers['id']}"]
    for unknown in ("0" * 32, "fishers", "../users", ".", "a b"):
        answer = ask(admin, "/v1/quotas", "POST", quota | {"project_id": unknown})
        assert (answer.status_code, unknown in answer.json["errors"][0]["detail"]) == (404, True)
    of_system = keystone.token(ADMIN, {"system": {"all": True}})
    assert ask(of_system, "/v1/quotas", "POST", quota | {"project_id": "0" * 32}).status_code == 404


def test_who_may_set_quotas_here_and_not_look_up_projects_there(ask, keystone, configure, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text('"quota:create": ""\n')
    configure(f"[oslo_policy]\npolicy_file = {policy}\n")
    answer = ask(keystone.token("max"), "/v1/quotas", "POST", {"project_id": "0" * 32})
    assert (answer.status_code, "look up projects" in answer.json["errors"][0]["title"]) == (403, True)


def test_a_keystone_that_is_away_is_said_and_bounded(ask, keystone, configure):
    configure(
        "http_request_max_retries = 0\n", keystone_authtoken(keystone).replace(keystone.url, "http://127.0.0.1:1/v3")
    )
    answer = ask("a token")
    assert answer.status_code == 503
    assert answer.json["errors"][0]["title"] == "Keystone cannot be asked whether the token is valid"


def test_a_password_of_ours_that_is_wrong_is_not_the_requesters_fault(ask, keystone, configure):
    configure(authtoken=keystone_authtoken(keystone).replace(f"password = {PASSWORD}", "password = wrong"))
    assert ask(keystone.token("amy")).status_code == 503
