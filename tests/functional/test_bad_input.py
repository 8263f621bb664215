"""Bad input, made for every attribute there is: 400 with a sentence that names it, never 500, and nothing changes."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from falcon.testing import create_environ
from hypothesis import given, settings
from hypothesis import strategies as st

from magnum import api
from magnum.api.client_configs import ConfigRequest
from magnum.api.schemas.bays import BayChange, NewBay
from magnum.api.schemas.certificates import CertificateRequest
from magnum.api.schemas.clusters import ClusterChange, ResizeRequest
from magnum.api.schemas.reading import attributes
from magnum.core.clustertemplates import NewClusterTemplate
from magnum.core.federations import FederationChange, NewFederation
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
    if attribute.has_lines:
        special = [value for value in special if value not in (LONG, "a\nb")]
    if "at most" in attribute.description:  # may be empty
        special = [value for value in special if value != ""]
    return [*never, *special]


def check(answer, name: str) -> None:
    assert answer.status_code == 400, answer.text
    (error,) = answer.json["errors"]
    assert error["code"] == "client"
    assert name in error["title"]
    assert 10 < len(error["detail"]) < 600


class Form(NamedTuple):
    """One shape of a body, where it is sent, and what else the body needs. Without that it is a patch."""

    shape: type
    method: str
    path: str
    rest: dict | None = None
    version: str = "latest"
    inside: str | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.inside or ''}".strip()

    def body(self, name: str, value: object) -> object:
        if self.rest is None:
            value = 3 if value == "{}" else value  # the text of a map is one, here
            return [{"op": "replace", "path": f"/{name}", "value": value}]
        whole = self.rest | {name: value}
        return {self.inside: whole} if self.inside else whole


PLAN = "/clusters/web/actions/plan"
CLUSTER = {"cluster_template_id": "swarm"}
FORMS = [
    Form(NewClusterTemplate, "POST", "/clustertemplates", TEMPLATE),
    Form(NewClusterTemplate, "PATCH", "/clustertemplates/unused"),
    Form(NewClusterTemplate, "POST", "/baymodels", TEMPLATE | {"keypair_id": "key"}, "1.10"),
    Form(NewClusterTemplate, "PATCH", "/baymodels/unused", version="1.10"),
    Form(NewCluster, "POST", "/clusters", CLUSTER),
    Form(NewCluster, "POST", "/clusters/actions/plan", CLUSTER),
    Form(ClusterChange, "PATCH", "/clusters/web"),
    Form(ResizeRequest, "POST", "/clusters/web/actions/resize", {"node_count": 3}),
    Form(ResizeRequest, "POST", PLAN, {"node_count": 3}, inside="resize"),
    Form(Upgrade, "POST", "/clusters/web/actions/upgrade", {"cluster_template": "swarm"}),
    Form(Upgrade, "POST", PLAN, {"cluster_template": "swarm"}, inside="upgrade"),
    Form(NewNodeGroup, "POST", "/clusters/web/nodegroups", {"name": "more"}),
    Form(NodeGroupChange, "PATCH", "/clusters/web/nodegroups/default-worker"),
    Form(NewQuota, "POST", "/quotas", {"project_id": "fishers"}),
    Form(NewQuota, "PATCH", "/quotas/fishers/Cluster", {}),
    Form(NewFederation, "POST", "/federations", {"hostcluster_id": "web", "properties": {"dns-zone": "x"}}),
    Form(FederationChange, "PATCH", "/federations/all"),
    Form(NewBay, "POST", "/bays", {"baymodel_id": "swarm"}, "1.10"),
    Form(BayChange, "PATCH", "/bays/web", version="1.10"),
    Form(CertificateRequest, "POST", "/certificates", {"cluster_uuid": "web", "csr": "x"}),
    Form(ConfigRequest, "POST", "/clusters/web/config", {"csr": "x"}),
]
LISTS = (
    "/clusters/detail",
    "/clustertemplates",
    "/clusters/web/nodegroups",
    "/federations/detail",
    "/clusters/web/events",
)


@pytest.fixture(scope="module")
def everything(shared_world):
    """One service for the whole table: nothing that is tried here changes it."""
    world = shared_world
    ann = world.person("ann", "fishers")
    ann.make_template(name="swarm", labels={"a": "1"})
    ann.make_template(name="unused", labels={"a": "1"}, keypair_id="key")
    cluster = ann.make_cluster("swarm", name="web", node_count=2)
    world.set_status(cluster, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
    federation = {"name": "all", "hostcluster_id": "web", "properties": {"dns-zone": "x"}}
    assert ann.post("/federations", federation).status_code == 202
    before = [ann.get(path).json for path in LISTS]
    yield ann
    assert [ann.get(path).json for path in LISTS] == before
    assert len(world.operations(cluster)) == 1


def attempts() -> Iterator[Any]:
    for form in FORMS:
        for name, attribute in attributes(form.shape).items():
            for value in values_for(attribute):
                yield pytest.param(form, name, value, id=f"{form} {name}={value!r:.24}")


@pytest.mark.parametrize(("form", "name", "value"), [*attempts()])
def test_every_attribute_of_every_request(everything, form, name, value):
    answer = everything.call(form.method, form.path, form.body(name, value), version=form.version)
    check(answer, name)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_an_attribute_that_there_is_not(everything, form):
    for name in ("color", "__class__", "\u202e", "a" * 5000):
        answer = everything.call(form.method, form.path, form.body(name, "x"), version=form.version)
        assert answer.status_code == 400
        assert len(answer.json["errors"][0]["detail"]) < 600


def test_every_shape_that_requests_are_read_into_is_tried():
    """Find them in the sources, so that a new one is not forgotten."""
    sources = "".join(path.read_text() for path in Path(api.__file__).parent.rglob("*.py"))
    calls = re.findall(r"^(?!def ).*?(?:read_object|attributes)\((.*)\)", sources, flags=re.MULTILINE)
    read = {name for call in calls for name in re.findall(r"\b[A-Z][A-Za-z]+\b", call)}
    assert read - {"NOUN", "ACCESS", "NodeReport", "NodeSignature"} == {form.shape.__name__ for form in FORMS}


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


WITH_BODY = [form for form in FORMS if form.inside != "upgrade"]


@pytest.mark.parametrize("form", WITH_BODY, ids=str)
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
def test_a_body_that_makes_no_sense(everything, form, body):
    headers = everything.identity | VERSION | {"OpenStack-API-Version": f"container-infra {form.version}"}
    harmless = (form.rest is None and body == b"[]") or (form.method == "PATCH" and body == b"{}")
    harmless = harmless or (form.shape is NewQuota and body == b"{}")
    if harmless:
        return
    answer = everything.client.simulate_request(form.method, f"/v1{form.path}", body=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert len(answer.json["errors"][0]["title"]) > 10


@pytest.mark.parametrize("form", WITH_BODY, ids=str)
def test_a_body_of_another_kind_or_size(everything, form):
    headers = everything.identity | {"OpenStack-API-Version": f"container-infra {form.version}"}
    for kind, body, status in (
        ("text/plain", b"{}", 415),
        ("application/x-www-form-urlencoded", b"a=b", 415),
        ("application/json", b" " * 2**21, 413),
    ):
        sent = headers | {"Content-Type": kind}
        answer = everything.client.simulate_request(form.method, f"/v1{form.path}", body=body, headers=sent)
        assert answer.status_code == status


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
@settings(max_examples=150)
def test_arbitrary_json_is_refused_and_breaks_nothing(everything, body):
    for path in (
        *("/clusters", "/clustertemplates", "/certificates"),
        *("/clusters/web/actions/resize", "/clusters/web/nodegroups"),
    ):
        assert everything.post(path, body).status_code in {400, 404}
    for path in ("/clusters/none", "/clustertemplates/none", "/clusters/web/nodegroups/none"):
        assert everything.patch(path, body).status_code in {400, 404}


@given(op=st.sampled_from(["add", "replace", "remove", "test"]), name=st.sampled_from(NAMES), value=ANYTHING)
@settings(max_examples=150)
def test_an_arbitrary_patch_never_breaks_the_server(everything, op, name, value):
    made = everything.make_template(name=None)["uuid"]
    operations = [{"op": op, "path": f"/{name}", "value": value}]
    assert everything.patch(f"/clustertemplates/{made}", operations).status_code in {200, 400, 403}
    assert everything.delete(f"/clustertemplates/{made}").status_code == 204
