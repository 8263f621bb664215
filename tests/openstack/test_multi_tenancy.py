"""Our API with real tokens of three projects: everybody's own, and nothing of anybody else's.

The table of policy is that of the functional tests, asked here by everybody whom Keystone can vouch for.
"""

from contextlib import ExitStack

import pytest
from cloud import ENDPOINT, OURS
from identities import COLUMN, Identities
from policy_requests import REQUESTS
from tenancy import NOTHING, TEMPLATE, Things
from test_policy_matrix import HIDDEN, expected

GUARDED = ("cluster:", "clustertemplate:", "nodegroup:", "federation:")
"""Changes of these can be made to depend on an ETag."""


@pytest.fixture(scope="module")
def person(cloud):
    """Give somebody with a token, for as long as this module needs it."""
    with ExitStack() as stack:
        yield Identities(cloud, stack)


@pytest.fixture(scope="module")
def things(person):
    made = Things(person)
    yield made
    made.remove()


@pytest.fixture(scope="module")
def ask(person, things):
    """Send the request of a rule with somebody's token."""

    def run(who, rule, instead=(), **headers):
        asked = REQUESTS[rule]
        asker = person(who)
        project = asker.connection.current_project_id or "none"
        names = things.names | {"own": "own", "project": project, "new project": project} | dict(instead)
        path, body = asked.path, asked.body
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", value)
        if isinstance(body, dict):
            body = {key: names.get(str(value).strip("{}"), value) for key, value in body.items()}
        version = {"OpenStack-API-Version": f"container-infra {asked.version}"}
        return asker.ask(asked.method, path, body, **version | headers)

    return run


@pytest.mark.parametrize("rule", [rule for rule in REQUESTS if not rule.endswith("_all_projects")])
def test_the_table_of_policy_holds_for_real_tokens(ask, things, rule):
    """Ask for all that is refused, and for what is allowed if it changes nothing, or can be kept from it."""
    method, path = REQUESTS[rule][:2]
    for who, column in COLUMN.items():
        match expected(rule, column):
            case "y" if method == "GET":
                assert ask(who, rule).status_code == 200, who
            case "y" if rule.startswith(GUARDED) and "{" in path and not rule.endswith((":create", ":plan")):
                kept = ask(who, rule, **{"If-Match": '"never"'})
                assert kept.status_code in (400, 412), (who, kept.text)  # 400: health that is known is added
            case "n":
                refused = ask(who, rule)
                assert refused.status_code == 403, (who, refused.text)
            case "-":
                assert_looks_like_nothing(ask, things, who, rule)


def assert_looks_like_nothing(ask, things, who, rule):
    found, nothing = ask(who, rule), ask(who, rule, dict.fromkeys(HIDDEN, NOTHING))
    assert found.status_code in (400, 404), (who, found.text)  # 400 where it is named in the body
    assert (found.status_code, things.hide(found.text)) == (nothing.status_code, nothing.text), who


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


def listed(somebody, path, kind):
    """Follow a list to its end, a page of one at a time; give what is there by UUID."""
    found, marker = {}, None
    while page := somebody.ask("GET", f"{path}?limit=1" + (f"&marker={marker}" if marker else "")).json()[kind]:
        [one] = page
        assert one["uuid"] not in found
        found[marker := one["uuid"]] = one
    return found


@pytest.mark.parametrize("path", ["/clusters", "/clusters/detail"])
def test_pages_are_of_the_own_project(person, things, path):
    own = {things.names[name] for name in ("cluster", "failed", "own")}
    members = listed(person("member"), path, "clusters")
    assert own <= members.keys() == listed(person("colleague"), path, "clusters").keys()
    assert members.keys() == listed(person("service-trust"), path, "clusters").keys()
    strangers = listed(person("other"), path, "clusters"), listed(person("third"), path, "clusters")
    assert not members.keys() & {uuid for seen in strangers for uuid in seen}
    assert things.names["others"] in strangers[0]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/clusters", "cluster"), ("/clustertemplates", "unused"), ("/federations", "federation")],
)
def test_a_marker_tells_nothing_of_what_is_anothers(person, things, path, name):
    """It is refused like one of nothing."""
    answers = [
        person("other").ask("GET", f"{path}?marker={marker}&sort_key=created_at")
        for marker in (things.names[name], NOTHING)
    ]
    assert answers[0].status_code == answers[1].status_code in (400, 404)
    assert things.hide(answers[0].text) == answers[1].text


def test_templates_are_the_own_ones_and_public_ones_that_are_not_hidden(person, things):
    seen = {
        name: listed(person(name), "/clustertemplates", "clustertemplates").keys()
        for name in ("admin", "member", "reader", "other")
    }
    private, public, hidden = (things.names[name] for name in ("unused", "public", "hidden"))
    assert {private, public, hidden} <= seen["admin"]
    assert all(public in found for found in seen.values())
    assert [name for name, found in seen.items() if hidden in found] == ["admin"]
    assert [name for name, found in seen.items() if private in found] == ["admin", "member", "reader"]
    assert person("member").ask("GET", f"/clustertemplates/{hidden}").status_code == 404
    assert person("other").ask("GET", "/clustertemplates/hidden").status_code == 404


def test_a_name_means_what_is_the_own_projects(person, things):
    assert person("member").ask("GET", "/clusters/own").json()["uuid"] == things.names["own"]
    assert person("other").ask("GET", "/clusters/own").json()["uuid"] == things.names["others"]
    for name in ("cluster", "failed"):
        assert person("other").ask("GET", f"/clusters/{name}").status_code == 404
    assert person("admin").ask("GET", "/clusters/own").status_code == 409  # the name of several


def test_a_name_that_is_anothers_uuid_gets_nothing_of_it(person, things):
    private = things.names["unused"]
    usurper = person("other").make("/clustertemplates", TEMPLATE | {"name": private})
    try:
        for name in ("member", "admin"):
            assert person(name).ask("GET", f"/clustertemplates/{private}").json()["uuid"] == private
        for name in ("other", "third"):  # what looks like a UUID is one
            assert person(name).ask("GET", f"/clustertemplates/{private}").status_code == 404
    finally:
        assert person("other").ask("DELETE", f"/clustertemplates/{usurper}").status_code == 204


CSR = REQUESTS["certificate:create"].body["csr"]
REACHES = {
    "a template for a cluster": ("POST", "/clusters", {"cluster_template_id": "{unused}"}),
    "a template for a plan": ("POST", "/clusters/actions/plan", {"cluster_template_id": "{unused}"}),
    "a template to upgrade to": ("POST", "/clusters/{others}/actions/upgrade", {"cluster_template": "{unused}"}),
    "the host of a federation": ("POST", "/federations", {"hostcluster_id": "{cluster}"}),
    "a node group of the own cluster": ("GET", "/clusters/{others}/nodegroups/{nodegroup}", None),
    "a node group to resize": (
        "POST",
        "/clusters/{others}/actions/resize",
        {"node_count": 1, "nodegroup": "{nodegroup}"},
    ),
    "a configuration": ("POST", "/clusters/{cluster}/config", {"csr": CSR}),
    "a certificate by name": ("POST", "/certificates", {"cluster_uuid": "cluster", "csr": CSR}),
    "a quota": ("GET", "/quotas/{project}/Cluster", None),
    "statistics": ("GET", "/stats?project_id={project}", None),
}


OF_PROJECTS = ("a quota", "statistics")


@pytest.mark.parametrize("what", REACHES)
@pytest.mark.parametrize("who", ["other", "domain-manager", "system-reader"])
def test_what_is_anothers_is_out_of_reach(person, things, who, what):
    """Nor can it be seen from the answer that there is such a thing."""
    method, path, body = REACHES[what]
    real = things.names | {"project": person("member").connection.current_project_id}

    def ask(names):
        sent = body and {
            key: names.get(value.strip("{}"), value) if isinstance(value, str) else value for key, value in body.items()
        }
        return person(who).ask(method, path.format_map(names), sent)

    found, nothing = ask(real), ask(real | dict.fromkeys((*HIDDEN, "project"), NOTHING))
    assert found.status_code in (400, 403, 404) or not found.json()["accepted"]
    if who == "other" and what not in OF_PROJECTS:
        assert found.status_code != 403
    assert (found.status_code, things.hide(found.text)) == (nothing.status_code, nothing.text)


def test_stats_count_the_own_project(person, things):
    for name in ("member", "reader", "service-trust", "third"):
        count = len(listed(person(name), "/clusters", "clusters"))
        assert person(name).ask("GET", "/stats").json()["clusters"] == count
    mine = person("member").connection.current_project_id
    assert person("member").ask("GET", f"/stats?project_id={mine}").status_code == 200


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
    url = ENDPOINT or leaving.get_endpoint(service_type=OURS, interface="public")
    leaving.delete(f"{cloud.identity}/auth/tokens", headers={"X-Subject-Token": token})
    answer = leaving.get(f"{url}/clusters", headers={"X-Auth-Token": token}, authenticated=False, raise_exc=False)
    assert answer.status_code == 401
