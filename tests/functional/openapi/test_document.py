"""The document is what OpenAPI 3.1 says that one is, and says of the service what is so."""

import threading
from concurrent.futures import ThreadPoolExecutor

import falcon.inspect
import jsonschema
import openapi_spec_validator
import pytest
from openapi_operations import list_operations
from worlds import InProcess

from magnum.api.app import make_app
from magnum.api.microversions import MAXIMUM
from magnum.api.openapi import resource
from magnum.api.openapi.document import make_document
from magnum.policies import list_rules

PATH = "/v1/openapi.json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.fixture
def examples(document) -> list[tuple[str, dict, object]]:
    """Every example of a body, with what it is one of and its schema."""
    found = []
    for _, _, operation in list_operations(document):
        name = operation["operationId"]
        bodies = [("request", operation["requestBody"])] if "requestBody" in operation else []
        bodies += list(operation["responses"].items())
        for of_what, given in bodies:
            referred = given.get("$ref", "").rpartition("/")[2]
            body = document["components"]["responses"][referred] if referred else given
            for content in body.get("content", {}).values():
                shown = [example["value"] for example in content.get("examples", {}).values()]
                shown += [content["example"]] if "example" in content else []
                found += [(f"{name} {of_what}", content["schema"], value) for value in shown]
    return found


def test_it_is_valid(document):
    openapi_spec_validator.validate(document)
    assert document["openapi"] == "3.1.0"


def test_it_needs_no_credentials_and_is_not_sent_twice(world):
    client = world.new_client()
    first = client.simulate_get(PATH, headers={"Host": "cloud.example.org"}, root_path="/container-infra")
    assert first.status_code == 200
    assert first.json["servers"] == [{"url": "http://cloud.example.org/container-infra"}]
    known = {"Host": "cloud.example.org", "If-None-Match": first.headers["ETag"]}
    again = client.simulate_get(PATH, headers=known, root_path="/container-infra")
    assert (again.status_code, again.content) == (304, b"")
    assert client.simulate_get(PATH, headers=known | {"Host": "other"}).status_code == 200
    assert client.simulate_get(PATH, query_string="x=1").status_code == 400
    assert client.simulate_get(PATH, headers={"OpenStack-API-Version": "nonsense"}).status_code == 406


def test_it_is_made_once_however_many_ask(monkeypatch):
    unasked = InProcess()
    made = []
    monkeypatch.setattr(resource, "make_document", lambda routes: made.append(1) or make_document(routes))
    start = threading.Barrier(4)

    def ask(_number: int) -> bytes:
        start.wait()
        return unasked.new_client().simulate_get(PATH).content

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(4)))) == 1
    assert made == [1]
    unasked.database.dispose()


def test_it_has_the_paths_and_methods_that_the_application_has(world, document):
    """As falcon itself tells them, so that nothing is left out on either side."""
    served = {
        (route.path, method.method)
        for route in falcon.inspect.inspect_routes(make_app(world.service))
        for method in route.methods
        if not method.internal and method.method != "OPTIONS"
    }
    assert served == {(path, method) for path, method, _ in list_operations(document)}
    paths = {route.path for route in falcon.inspect.inspect_routes(make_app(world.service))}
    assert paths == document["paths"].keys()


def test_what_it_does_not_have_is_not_allowed(root, document):
    said = {(path, method) for path, method, _ in list_operations(document)}
    for path in document["paths"]:
        filled = path.format(ident="x", nodegroup="x", project="x", resource="x", ca_type="x", action="x")
        for method in METHODS:
            if (path, method) not in said:
                answer = root.client.simulate_request(method, filled, headers=root.identity)
                assert answer.status_code == 405, (method, path)


def test_every_operation_is_described_for_a_person(document):
    operations = [operation for _, _, operation in list_operations(document)]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    for operation in operations:
        assert operation["summary"]
        assert operation["description"].startswith(operation["summary"])
        assert all(tags[tag] for tag in operation["tags"])
        for parameter in operation["parameters"]:
            assert parameter.get("description") or "$ref" in parameter


def test_the_rules_that_it_names_are_rules(document):
    known = {rule.name for rule in list_rules()}
    for _, _, operation in list_operations(document):
        if "policy rule" in operation["description"]:
            assert operation["description"].split("`")[1] in known


def test_parameters_are_those_that_are_read(root, document):
    for path, method, operation in list_operations(document):
        names = [parameter["name"] for parameter in operation["parameters"] if parameter.get("in") == "query"]
        filled = path.format(ident="x", nodegroup="x", project="x", resource="x", ca_type="x")
        for name in names:
            answer = root.call(method, filled.removeprefix("/v1"), params={name: "1"}, version="1.10")
            assert "Unknown query parameter" not in answer.text, (path, name)
        if method == "GET" and names and "{" not in path:
            answer = root.call(method, filled.removeprefix("/v1"), params={"nonsense": "1"}, version="1.10")
            assert (answer.status_code, "Unknown query parameter" in answer.text) == (400, True), path


def test_every_body_has_an_example_and_every_example_fits(document, examples):
    shown = {of_what for of_what, _, _ in examples}
    for _, _, operation in list_operations(document):
        name = operation["operationId"]
        assert "requestBody" not in operation or f"{name} request" in shown, name
        for status, answer in operation["responses"].items():
            if "content" in answer and name != "get_openapi":
                assert f"{name} {status}" in shown, name
    for of_what, schema, value in examples:
        validator = jsonschema.Draft202012Validator(schema | {"components": document["components"]})
        problems = [error.message for error in validator.iter_errors(value)]
        assert not problems, of_what


def test_microversions_are_said_of_what_came_and_went_with_them(document):
    shown = document["components"]["schemas"]["ClusterView"]["properties"]
    assert shown["cluster_id"]["x-openstack-min-version"] == "1.13"
    assert shown["stack_id"]["x-openstack-max-version"] == "1.12"
    operations = {operation["operationId"]: operation for _, _, operation in list_operations(document)}

    def versions(name: str) -> list[str]:
        (parameter,) = (one for one in operations[name]["parameters"] if one.get("name") == "OpenStack-API-Version")
        return [version.split()[1] for version in parameter["schema"]["enum"]]

    assert operations["list_nodegroups"]["x-openstack-min-version"] == "1.9"
    assert versions("list_nodegroups") == ["1.9", "1.10", "1.11", "1.12", "1.13", "1.14", "latest"]
    assert operations["list_bays"]["x-openstack-max-version"] == "1.10"
    assert versions("list_bays")[-1] == "1.10"
    assert operations["plan_change"]["x-openstack-extension"] is True
    common = document["components"]["parameters"]["OpenStack-API-Version"]["schema"]
    assert common["enum"][-2:] == [f"container-infra {MAXIMUM}", "container-infra latest"]
    assert common["default"] == "container-infra 1.1"


def test_bodies_are_closed_and_say_what_is_dropped(document):
    schemas = document["components"]["schemas"]
    for _, _, operation in list_operations(document):
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            for choice in schema.get("anyOf", [schema.get("items", schema)]):
                name = choice["$ref"].rpartition("/")[2]
                assert schemas[name]["additionalProperties"] is False, name
    assert schemas["NewCluster"]["properties"]["status"]["readOnly"] is True
    assert schemas["ResizeRequest"]["additionalProperties"] is False
