"""Quotas: the operator sets how many clusters a project may have, its members see it, and it holds."""

import pytest

from magnum.api.middleware.noauth import NoAuthentication
from magnum.openstack.errors import NotAllowed, Unanswered

pytestmark = pytest.mark.live

QUOTA = {"project_id": "fishers", "resource": "Cluster", "hard_limit": 2}
ITEM = "/quotas/fishers/Cluster"
DEFAULT = {"project_id": "fishers", "resource": "Cluster", "hard_limit": 20}


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


@pytest.fixture
def quota(root) -> dict:
    answer = root.post("/quotas", QUOTA)
    assert answer.status_code == 201
    return answer.json


@pytest.mark.parametrize("version", ["1.1", "latest"])
def test_without_one_the_default_holds(ann, root, version):
    assert ann.get(ITEM, version=version).json == DEFAULT
    assert root.get("/quotas/nobody/Nonsense", version=version).json == DEFAULT | {"project_id": "nobody"}


@pytest.mark.parametrize("version", ["1.1", "latest"])
def test_one_is_set_shown_changed_and_removed(world, root, ann, version):
    made = root.post("/quotas", QUOTA, version=version)
    assert made.status_code == 201
    shown = made.json
    assert world.is_now(shown.pop("created_at"))
    assert shown.pop("id") >= 1
    assert shown == QUOTA | {"updated_at": None}
    assert ann.get(ITEM, version=version).json == made.json
    changed = root.patch(ITEM, QUOTA | {"hard_limit": "7"}, version=version)
    assert (changed.status_code, changed.json["hard_limit"]) == (202, 7)
    assert changed.json["updated_at"]
    assert root.get(ITEM).json == changed.json
    gone = root.delete(ITEM, version=version)
    assert (gone.status_code, gone.content) == (204, b"")
    assert ann.get(ITEM).json == DEFAULT


def test_it_holds(root, ann, quota):
    ann.make_template()
    for _ in range(2):
        ann.make_cluster("swarm")
    answer = ann.post("/clusters", {"cluster_template_id": "swarm"})
    assert (answer.status_code, title(answer)) == (
        403,
        "The resource limit is exceeded: this project may have 2 clusters and has them",
    )
    root.patch(ITEM, {"hard_limit": 3})
    ann.make_cluster("swarm")
    root.patch(ITEM, {"hard_limit": 0})
    assert ann.post("/clusters", {"cluster_template_id": "swarm"}).status_code == 403
    root.delete(ITEM)
    ann.make_cluster("swarm")


def test_what_is_not_given_is_set_to_its_default(root, quota):
    assert root.patch(ITEM, {}).json["hard_limit"] == 1
    assert root.post("/quotas", {"project_id": "others", "resource": None, "hard_limit": None}).json["hard_limit"] == 1


def test_the_path_counts_and_not_the_body(root, ann, quota):
    root.post("/quotas", QUOTA | {"project_id": "others"})
    assert root.patch(ITEM, {"project_id": "others", "hard_limit": 5, "id": 77}).json["project_id"] == "fishers"
    assert root.get("/quotas/others/Cluster").json["hard_limit"] == 2


def test_removing_one_leaves_the_others(root, quota):
    root.post("/quotas", QUOTA | {"project_id": "others"})
    assert root.delete(ITEM).status_code == 204
    assert root.get("/quotas/others/Cluster").json["hard_limit"] == 2


def test_there_is_one_for_each_project(root, quota):
    answer = root.post("/quotas", QUOTA)
    assert (answer.status_code, title(answer)) == (409, "Quota Cluster of project fishers exists already")


@pytest.mark.parametrize("path", ["/quotas/nobody/Cluster", "/quotas/fishers/cluster", "/quotas/fishers/a%00b"])
def test_what_is_not_there_is_neither_changed_nor_removed(root, quota, path):
    assert root.patch(path, {"hard_limit": 3}).status_code == 404
    assert root.delete(path).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_project_alone_is_not_enough(root, method):
    answer = root.call(method, "/quotas/fishers")
    assert (answer.status_code, title(answer)[:16]) == (400, "Missing argument")


def test_the_operator_lists_them(root, quota):
    for project in ("operators", "others"):
        root.post("/quotas", QUOTA | {"project_id": project})

    def projects(**params) -> list[str]:
        return [item["project_id"] for item in root.get("/quotas", params=params).json["quotas"]]

    assert projects() == ["operators"]
    assert projects(all_tenants="True") == ["fishers", "operators", "others"]
    assert projects(all_tenants="true", sort_key="project_id", sort_dir="desc") == ["others", "operators", "fishers"]
    page = root.get("/quotas", params={"all_tenants": "1", "limit": "2"}, headers={"Host": "api"}).json
    last = page["quotas"][-1]["id"]
    assert page["next"] == f"http://api/v1/quotas?sort_key=id&sort_dir=asc&limit=2&marker={last}&all_tenants=True"
    assert projects(all_tenants="1", marker=str(last)) == ["others"]


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("marker=x", 400),
        ("marker=999999", 404),
        ("sort_key=x", 400),
        ("limit=0", 400),
        ("all_tenants=maybe", 400),
        ("x=1", 400),
    ],
)
def test_a_list_that_makes_no_sense(root, quota, query, status):
    assert root.get("/quotas", query_string=query).status_code == status


def test_members_see_their_own_and_set_none(ann, reader, eve, quota):
    assert reader.get(ITEM).json == quota
    assert eve.get(ITEM).status_code == 403
    for answer in (
        ann.get("/quotas"),
        ann.post("/quotas", QUOTA),
        ann.patch(ITEM, {"hard_limit": 99}),
        ann.delete(ITEM),
    ):
        assert answer.status_code == 403
    assert ann.get(ITEM).json == quota


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"resource": "Cluster"}, "project_id"),
        (QUOTA | {"resource": "cluster"}, "resource must be Cluster"),
        (QUOTA | {"hard_limit": -1}, "hard_limit"),
        (QUOTA | {"created_at": None}, "created_at"),
        (QUOTA | {"color": "red"}, "color"),
        ([QUOTA], "JSON object"),
    ],
)
def test_bad_input(root, body, words):
    answer = root.post("/quotas", body)
    assert (answer.status_code, words in title(answer)) == (400, True)
    assert root.get("/quotas", params={"all_tenants": "1"}).json == {"quotas": []}


# ---- projects that an identity service knows


class Identity:
    """Knows some projects, or fails."""

    def __init__(self, *known: str, failure: Exception | None = None) -> None:
        self._known = known
        self._failure = failure
        self.asked = []

    def exists(self, project_id: str) -> bool:
        self.asked.append(project_id)
        if self._failure:
            raise self._failure
        return project_id in self._known


@pytest.fixture
def identity(monkeypatch):
    def run(*known: str, **more) -> Identity:
        made = Identity(*known, **more)
        monkeypatch.setattr(NoAuthentication, "projects", lambda _self, _environ: made)
        return made

    return run


@pytest.mark.in_process
def test_a_project_that_the_identity_service_does_not_know(root, identity):
    identity("fishers")
    answer = root.post("/quotas", QUOTA | {"project_id": "nobody"})
    assert (answer.status_code, title(answer)) == (404, "The project nobody does not exist")
    assert root.post("/quotas", QUOTA).status_code == 201
    assert [quota["project_id"] for quota in root.get("/quotas?all_tenants=True").json["quotas"]] == ["fishers"]


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("failure", "status", "words"),
    [
        (NotAllowed(), 403, "Keystone does not let you look up projects"),
        (Unanswered(), 503, "Keystone cannot be asked whether the project exists"),
    ],
)
def test_an_identity_service_that_says_nothing(root, identity, failure, status, words):
    identity(failure=failure)
    answer = root.post("/quotas", QUOTA)
    assert (answer.status_code, words in title(answer)) == (status, True)
    assert root.get("/quotas?all_tenants=True").json["quotas"] == []


@pytest.mark.in_process
def test_only_who_may_set_quotas_learns_which_projects_there_are(ann, root, identity):
    known = identity("fishers")
    assert ann.post("/quotas", QUOTA | {"project_id": "nobody"}).status_code == 403
    assert root.post("/quotas", QUOTA | {"hard_limit": -1}).status_code == 400
    assert known.asked == []
