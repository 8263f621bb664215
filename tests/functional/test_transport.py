"""Version documents, microversions, routes, representations, request ids and error bodies."""

import json
import re

import pytest
from falcon.testing import create_environ

HEADERS = ("openstack-api-minimum-version", "openstack-api-maximum-version", "openstack-api-version")


def versions(answer) -> list[str | None]:
    return [answer.headers.get(name) for name in HEADERS]


def error(answer) -> dict:
    (only,) = answer.json["errors"]
    return only


# ---- version documents


def test_the_root_lists_the_versions_without_credentials_or_version_headers(ann):
    answer = ann.client.simulate_get("/", headers={"Host": "api.example.org:9511"})
    assert answer.status_code == 200
    assert answer.json["versions"] == [
        {
            "id": "v1",
            "links": [{"href": "http://api.example.org:9511/v1/", "rel": "self"}],
            "status": "CURRENT",
            "max_version": "1.14",
            "min_version": "1.1",
        }
    ]
    assert versions(answer) == [None, None, None]


@pytest.mark.parametrize("path", ["/v1", "/v1/"])
def test_version_one_lists_what_answers(ann, root, path):
    answer = ann.client.simulate_get(path, headers={"Host": "api"})
    assert answer.status_code == 200
    assert answer.json["id"] == "v1"
    assert answer.json["clusters"] == [
        {"href": "http://api/v1/clusters/", "rel": "self"},
        {"href": "http://api/clusters/", "rel": "bookmark"},
    ]
    assert versions(answer)[2] == "container-infra 1.1"
    assert answer.json["nodegroups"][0]["href"] == "http://api/v1/clusters/{cluster_id}/nodegroups"
    for name in answer.json.keys() - {"id", "media_types", "links", "nodegroups"}:
        assert answer.json[name][0]["href"] == f"http://api/v1/{name}/"
        assert root.get(f"/{name}/", version="1.10").status_code in {200, 405}


def test_links_carry_the_prefix_under_which_the_service_is_mounted(ann):
    answer = ann.client.simulate_get("/v1", headers={"Host": "cloud"}, root_path="/container-infra")
    assert answer.json["links"][0]["href"] == "http://cloud/container-infra/v1/"


# ---- microversions


@pytest.mark.parametrize(
    ("header", "answered"),
    [
        (None, "container-infra 1.1"),
        ("container-infra 1.5", "container-infra 1.5"),
        ("container-infra LATEST", "container-infra 1.14"),
        ("container-infrastructure 1.10", "container-infrastructure 1.10"),
        ("container-infrastructure-management latest", "container-infrastructure-management 1.14"),
        ("compute latest", "container-infra 1.14"),
    ],
)
def test_the_version_asked_for_is_what_is_answered(ann, header, answered):
    answer = ann.get("/clusters", version=header)
    assert answer.status_code == 200
    service = answered.split()[0]
    assert versions(answer) == [f"{service} 1.1", f"{service} 1.14", answered]
    assert answer.headers["vary"] == "OpenStack-API-Version"


@pytest.mark.parametrize("number", ["1.0", "0.9", "1.99", "2.0"])
def test_a_version_out_of_range_is_406_and_says_the_range(ann, number):
    answer = ann.get("/clusters", version=number)
    assert answer.status_code == 406
    assert versions(answer) == ["container-infra 1.1", "container-infra 1.14", f"container-infra {number}"]
    said = error(answer)
    assert (said["code"], said["title"]) == (
        "magnum.microversion-unsupported",
        "Requested microversion is unsupported",
    )
    assert (said["min_version"], said["max_version"]) == ("1.1", "1.14")
    assert number in said["description"]
    assert not said.keys() & {"status", "request_id", "detail"}


def test_the_description_is_for_who_accepts_json_by_name(ann):
    answer = ann.get("/clusters", version="1.99", headers={"Accept": "*/*"})
    assert "description" not in error(answer)


@pytest.mark.parametrize(
    "header",
    [
        *("container-infra 1", "container-infra abc", "container-infra 1.x", "container-infra 1.9.1", "compute 1.1"),
        *("container-infra", "", "container-infra 1.1 1.2"),
    ],
)
def test_a_header_that_makes_no_sense_is_406_without_version_headers(ann, header):
    answer = ann.get("/clusters", version=None, headers={"OpenStack-API-Version": header})
    assert answer.status_code == 406
    assert versions(answer) == [None, None, None]
    assert error(answer)["code"] == ""


def test_a_method_that_a_version_lacks_is_406_without_version_headers(ann):
    ann.make_template()
    cluster = ann.make_cluster("swarm")
    answer = ann.post(f"/clusters/{cluster}/actions/resize", {"node_count": 2}, version="1.6")
    assert answer.status_code == 406
    assert versions(answer) == [None, None, None]
    assert error(answer)["title"] == "Not Acceptable"


# ---- routes and representations


@pytest.mark.parametrize("path", ["/clusters", "/clusters/", "/v1/clusters", "/v1/clusters/", "/v1/clusters/?limit=1"])
def test_paths_work_without_version_and_with_a_slash_at_the_end(ann, path):
    path, _, query = path.partition("?")
    answer = ann.client.simulate_get(path, query_string=query, headers=ann.identity)
    assert answer.status_code == 200
    assert answer.json == {"clusters": []}


@pytest.mark.parametrize("path", ["/nothing", "/clusters.json", "/clusters/a/b", "/clustertemplates/x/detail", "//"])
def test_an_unknown_path_is_404(ann, path):
    answer = ann.get(path)
    assert answer.status_code == 404
    assert (error(answer)["code"], error(answer)["title"]) == ("", "Not Found")


def test_a_file_extension_is_part_of_the_name(ann):
    answer = ann.get("/clusters/c1.json")
    assert answer.status_code == 404
    assert error(answer)["detail"] == "Cluster c1.json could not be found."
    assert error(answer)["title"] == "Cluster c1.json could not be found"


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", ["/clusters", "/clusters/x", "/clustertemplates", "/certificates/x", ""])
def test_a_method_that_is_not_there_is_405(ann, method, path):
    assert ann.call(method, path).status_code == 405


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/certificates"), ("DELETE", "/certificates/x"), ("POST", "/clusters/x/actions/dance")),
        *(("GET", "/clusters/x/actions/resize"), ("POST", "/clusters/x")),
    ],
)
def test_methods_that_never_were_are_405(ann, method, path):
    assert ann.call(method, path).status_code == 405


@pytest.mark.parametrize("path", ["/clusters", "/clustertemplates"])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_an_item_method_on_a_collection_misses_an_argument(ann, method, path):
    answer = ann.call(method, path)
    assert answer.status_code == 400
    assert error(answer)["title"].startswith("Missing argument")


@pytest.mark.parametrize("accept", ["text/html", "application/xml"])
def test_only_json_is_spoken(ann, accept):
    assert ann.get("/clusters", headers={"Accept": accept}).status_code == 406


@pytest.mark.parametrize("accept", ["*/*", "", "application/json", "application/*;q=0.5, text/html"])
def test_json_is_given_to_whoever_takes_it(ann, accept):
    answer = ann.get("/clusters", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"])
def test_a_body_of_another_type_is_415(ann, kind):
    answer = ann.client.simulate_post("/v1/clusters", body="a=1", headers=ann.identity | {"Content-Type": kind})
    assert answer.status_code == 415
    assert error(answer)["code"] == ""


def test_an_empty_body_may_claim_any_type(ann):
    answer = ann.delete("/clusters/nope", headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 404


def test_the_http_layer_speaks_only_to_who_accepts_json_by_name(ann):
    said = error(ann.get("/nothing", headers={"Accept": "*/*"}))
    assert (said["title"], said["detail"]) == ("", "")


def test_head_has_no_errors_to_read(ann):
    answer = ann.call("HEAD", "/clusters")
    assert answer.headers["content-length"] == str(len('{"errors":[]}'))


# ---- request ids, CORS, health


def test_every_answer_has_a_request_id(ann):
    for path in ("", "/clusters", "/nothing", "/clusters/none"):
        answer = ann.get(path)
        assert re.fullmatch(r"req-[0-9a-f-]{36}", answer.headers["x-openstack-request-id"])
        if answer.status_code >= 400:
            assert error(answer)["request_id"] == ""


@pytest.mark.parametrize(("origin", "allowed"), [("http://panel", "http://panel"), ("http://evil", None)])
def test_a_browser_is_let_in_from_the_origins_that_are_allowed(world, origin, allowed):
    from magnum.api.middleware.cors import filter_factory

    ring = filter_factory({}, allowed_origin="http://panel", allow_methods="GET")(world.app)
    environ = create_environ("/v1/clusters", method="OPTIONS", headers={"Origin": origin})
    environ["HTTP_ACCESS_CONTROL_REQUEST_METHOD"] = "GET"
    answered = []
    list(ring(environ, lambda status, headers: answered.append((status, dict(headers)))))
    ((status, headers),) = answered
    assert status == "200 OK"
    assert headers.get("Access-Control-Allow-Origin") == allowed


def test_the_health_check_needs_no_credentials_and_fails_while_the_file_is_there(world, tmp_path):
    from magnum.api.middleware.healthcheck import Healthcheck

    file = tmp_path / "disabled"
    ring = Healthcheck.factory({}, disable_by_file_path=str(file))(world.app)
    answered = []

    def ask(path: str) -> bytes:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path}
        return b"".join(ring(environ, lambda status, _headers: answered.append(status)))

    assert ask("/healthcheck") == b"OK"
    file.touch()
    assert ask("/healthcheck") == b"DISABLED BY FILE"
    assert answered == ["200 OK", "503 Service Unavailable"]


# ---- what nobody expected


def test_a_bug_is_500_and_keeps_its_secrets(world, ann, monkeypatch, caplog):
    from magnum.core import clusters

    def broken(*_args):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(clusters, "list_page", broken)
    answer = ann.get("/clusters")
    assert answer.status_code == 500
    assert error(answer)["code"] == "server"
    assert "hunter2" not in answer.text
    assert answer.headers["x-openstack-request-id"] in error(answer)["detail"]
    assert "hunter2" in caplog.text


def test_a_database_that_is_away_is_503(world, ann, monkeypatch):
    from magnum.core import clusters
    from magnum.db.errors import DatabaseUnreachable

    def away(*_args):
        raise DatabaseUnreachable("connection refused to 10.0.0.1")

    monkeypatch.setattr(clusters, "list_page", away)
    answer = ann.get("/clusters")
    assert answer.status_code == 503
    assert "10.0.0.1" not in answer.text
    assert json.loads(answer.text)["errors"][0]["code"] == "server"
