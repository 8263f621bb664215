"""Bad input, made for every attribute there is: 400 with a sentence that names it, never 500, and nothing changes."""

import io

import pytest
from falcon.testing import create_environ
from hypothesis import given, settings
from hypothesis import strategies as st

from magnum.api.schemas.bays import NewBay
from magnum.api.schemas.clusters import ResizeRequest
from magnum.api.schemas.reading import attributes
from magnum.core.clustertemplates import NewClusterTemplate
from magnum.core.federations import NewFederation
from magnum.core.new_clusters import NewCluster
from magnum.core.nodegroups import NewNodeGroup, NodeGroupChange
from magnum.core.quotas import NewQuota
from magnum.core.upgrades import Upgrade
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate

LONG = "x" * 300
NEVER = [[], [1], {"a": [1]}, {"a": {"b": 1}}, {"": "x"}, {"a": None}]
"""What no attribute takes, whatever its type."""
TEXTS = [3, 1.5, True, "", LONG, "a\x00b", "a\nb", "\x1b[31m", "a\x85b"]
OF_KIND = {
    int: ["x", "", "1.5", 1.5, True, -(2**63), 2**63, 2**200, "9" * 30, "\u0661"],
    bool: ["maybe", "", 2, -1, 1.5, 1, 0, "true\n"],
    dict: ["x", 3, True, "{}", {"a\x00": "b"}, {"a": "b\x00"}, {LONG: "b"}],
}
TEMPLATE = {"coe": "swarm-mode", "image_id": "fake"}


VERSION = {"OpenStack-API-Version": "container-infra latest", "Content-Type": "application/json"}


def values_for(attribute) -> list:
    kind = attribute.kind
    special = OF_KIND.get(kind, TEXTS)
    never = [value for value in NEVER if not (kind is tuple and value == [])]
    if "at most" in attribute.description:  # may be empty
        special = [value for value in special if value != ""]
    return [*never, *special]


def cases(shape) -> list:
    return [
        pytest.param(name, value, id=f"{name}={value!r:.24}")
        for name, attribute in attributes(shape).items()
        for value in values_for(attribute)
    ]


def check(answer, name: str) -> None:
    assert answer.status_code == 400, answer.text
    (error,) = answer.json["errors"]
    assert error["code"] == "client"
    assert name in error["title"]
    assert 10 < len(error["detail"]) < 600


@pytest.fixture(scope="module")
def everything(shared_world):
    """One service for the whole table: nothing that is tried here changes it."""
    world = shared_world
    ann = world.person("ann", "fishers")
    ann.make_template(name="swarm", labels={"a": "1"})
    ann.make_template(name="unused", labels={"a": "1"})
    cluster = ann.make_cluster("swarm", name="web", node_count=2)
    world.set_status(cluster, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
    paths = ("/clusters/detail", "/clustertemplates", "/clusters/web/nodegroups")
    before = [ann.get(path).json for path in paths]
    yield ann
    assert [ann.get(path).json for path in paths] == before
    assert len(world.operations(cluster)) == 1


@pytest.mark.parametrize(("name", "value"), cases(NewClusterTemplate))
def test_a_new_template(everything, name, value):
    check(everything.post("/clustertemplates", TEMPLATE | {name: value}), name)


@pytest.mark.parametrize(("name", "value"), cases(NewCluster))
def test_a_new_cluster(everything, name, value):
    if name == "cluster_template_id" and isinstance(value, str) and value.isprintable() and len(value) in range(1, 256):
        return
    check(everything.post("/clusters", {"cluster_template_id": "swarm"} | {name: value}), name)


@pytest.mark.parametrize(("name", "value"), cases(ResizeRequest))
def test_a_resize(everything, name, value):
    check(everything.post("/clusters/web/actions/resize", {"node_count": 3} | {name: value}), name)


@pytest.mark.parametrize(("name", "value"), cases(NewNodeGroup))
def test_a_new_node_group(everything, name, value):
    check(everything.post("/clusters/web/nodegroups", {"name": "more"} | {name: value}), name)


@pytest.mark.parametrize(("name", "value"), cases(NodeGroupChange))
def test_a_patch_of_a_node_group(everything, name, value):
    value = 3 if value == "{}" else value  # the text of a map is one, here
    operations = [{"op": "replace", "path": f"/{name}", "value": value}]
    check(everything.patch("/clusters/web/nodegroups/default-worker", operations), name)


@pytest.mark.parametrize(("name", "value"), cases(Upgrade))
def test_an_upgrade(everything, name, value):
    if name != "max_batch_size" and isinstance(value, str) and value.isprintable() and len(value) in range(1, 256):
        return
    check(everything.post("/clusters/web/actions/upgrade", {"cluster_template": "swarm"} | {name: value}), name)


@pytest.mark.parametrize(("name", "value"), cases(NewQuota))
def test_a_quota(everything, name, value):
    check(everything.post("/quotas", {"project_id": "fishers"} | {name: value}), name)
    check(everything.patch("/quotas/fishers/Cluster", {name: value}), name)


@pytest.mark.parametrize(("name", "value"), cases(NewFederation))
def test_a_new_federation(everything, name, value):
    if name == "properties" and value == {}:
        return
    body = {"hostcluster_id": "web", "properties": {"dns-zone": "x"}}
    check(everything.post("/federations", body | {name: value}), name)


@pytest.mark.parametrize(("name", "value"), cases(NewBay))
def test_a_new_bay(everything, name, value):
    check(everything.post("/bays", {"baymodel_id": "swarm"} | {name: value}, version="1.10"), name)


@pytest.mark.parametrize(("name", "value"), cases(NewClusterTemplate))
def test_a_patch_of_a_template(everything, name, value):
    value = 3 if value == "{}" else value  # the text of a map is one, here
    answer = everything.patch("/clustertemplates/unused", [{"op": "replace", "path": f"/{name}", "value": value}])
    check(answer, name)


@pytest.mark.parametrize(
    "name", [field for field in Cluster.__struct_fields__ if field not in NewCluster.__struct_fields__]
)
def test_columns_that_requests_do_not_know_change_nothing(everything, name):
    answer = everything.post("/clusters", {"cluster_template_id": "swarm", "node_count": "x", name: "y"})
    assert answer.status_code == 400
    answer = everything.patch("/clusters/web", [{"op": "replace", "path": f"/{name}", "value": "y"}])
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "name", [field for field in ClusterTemplate.__struct_fields__ if field not in NewClusterTemplate.__struct_fields__]
)
def test_columns_of_a_template_that_requests_do_not_know(everything, name):
    assert everything.post("/clustertemplates", TEMPLATE | {name: "y"}).status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/clusters", "/clustertemplates", "/certificates", "/clusters/web/actions/resize", "/clusters/web/nodegroups"],
)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a":1}{',
        b"nothing",
        b"[]",
        b'["a"]',
        b"3",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'{"name": 1e999}',
        b'{"node_count": ' + b"9" * 5000 + b"}",
        b"[" * 50_000,
        b'{"a":' * 20_000,
        b'{"labels": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
        b"{}",
    ],
    ids=lambda body: repr(body[:16]),
)
def test_a_body_that_makes_no_sense(everything, path, body):
    answer = everything.client.simulate_post(f"/v1{path}", body=body, headers=everything.identity | VERSION)
    assert answer.status_code == 400, answer.text
    assert len(answer.json["errors"][0]["title"]) > 10


def test_duplicate_keys_are_no_harm(everything):
    body = b'{"cluster_template_id": "x", "cluster_template_id": "none"}'
    answer = everything.client.simulate_post("/v1/clusters", body=body, headers=everything.identity)
    assert answer.json["errors"][0]["title"] == "There is no cluster template none"


@pytest.mark.parametrize("size", [114_689, 2 * 1024 * 1024])
@pytest.mark.parametrize("path", ["/clusters", "/clustertemplates", "/certificates"])
def test_a_body_that_is_too_large(everything, path, size):
    body = b'{"name": "' + b"x" * size + b'"}'
    answer = everything.client.simulate_post(f"/v1{path}", body=body, headers=everything.identity)
    assert answer.status_code == 413
    assert "114688 bytes" in answer.json["errors"][0]["detail"]


def post_raw(everything, body: bytes, **more: str) -> str:
    """Post without what a well-behaved client says of its body; give the status."""
    environ = create_environ("/v1/clusters", method="POST", headers=everything.identity)
    environ.pop("CONTENT_LENGTH", None)
    environ |= {"wsgi.input": io.BytesIO(body), **more}
    answered = []
    list(everything.client.app(environ, lambda status, _headers: answered.append(status)))
    return answered[0][:3]


def test_a_body_in_chunks_is_bounded_too(everything):
    assert post_raw(everything, b"x" * 200_000, HTTP_TRANSFER_ENCODING="chunked") == "413"
    assert post_raw(everything, b"nonsense", HTTP_TRANSFER_ENCODING="chunked") == "400"


@pytest.mark.parametrize("length", ["-5", "many", "1.5"])
def test_a_content_length_that_lies(everything, length):
    assert post_raw(everything, b"{}", CONTENT_LENGTH=length) == "400"


@pytest.mark.parametrize("text", ["héllo wörld", "名前", "عربى", "🐳"])
def test_text_of_any_language_is_taken(world, ann, text):
    made = ann.make_template(name=text, labels={text: text})
    assert (made["name"], made["labels"]) == (text, {text: text})
    assert ann.get(f"/clustertemplates/{made['uuid']}").json == made
    assert ann.get(f"/clustertemplates/{text}").json == made


def test_more_labels_than_a_column_holds(everything):
    labels = {f"label-{number}": "x" * 100 for number in range(700)}
    answer = everything.post("/clusters", {"cluster_template_id": "swarm", "labels": labels})
    assert answer.status_code == 400
    assert "labels cannot be stored" in answer.json["errors"][0]["title"]


NAMES = [*NewCluster.__struct_fields__, *NewClusterTemplate.__struct_fields__, "op", "path", "value", "x\x00"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(ANYTHING)
@settings(max_examples=150, deadline=None)
def test_arbitrary_json_is_refused_and_breaks_nothing(everything, body):
    for path in (
        *("/clusters", "/clustertemplates", "/certificates"),
        *("/clusters/web/actions/resize", "/clusters/web/nodegroups"),
    ):
        assert everything.post(path, body).status_code in {400, 404}
    for path in ("/clusters/none", "/clustertemplates/none", "/clusters/web/nodegroups/none"):
        assert everything.patch(path, body).status_code in {400, 404}


@given(op=st.sampled_from(["add", "replace", "remove", "test"]), name=st.sampled_from(NAMES), value=ANYTHING)
@settings(max_examples=150, deadline=None)
def test_an_arbitrary_patch_never_breaks_the_server(everything, op, name, value):
    made = everything.make_template(name=None)["uuid"]
    operations = [{"op": op, "path": f"/{name}", "value": value}]
    assert everything.patch(f"/clustertemplates/{made}", operations).status_code in {200, 400, 403}
    assert everything.delete(f"/clustertemplates/{made}").status_code == 204
