"""What becomes of the answers of a service, and of none."""

import pytest
import requests
from keystoneauth1.adapter import Adapter
from keystoneauth1.exceptions import ConnectFailure
from keystoneauth1.noauth import NoAuth
from keystoneauth1.session import Session

from magnum.openstack.calls import LONGEST_TEXT, CloudService
from magnum.openstack.errors import CloudError, NotAllowed, NotThere, Refused, Unanswered


class Answering(requests.adapters.BaseAdapter):
    """Gives one answer to everything, or fails."""

    def __init__(self, status, body) -> None:
        super().__init__()
        self.status, self.body, self.requests = status, body, []

    def send(self, request, **options):
        self.requests.append((request, options["timeout"]))
        if isinstance(self.status, Exception):
            raise self.status
        response = requests.Response()
        response.status_code, response.request, response.url = self.status, request, request.url
        response.headers["Content-Type"] = "application/json"
        response._content = self.body
        return response

    def close(self) -> None:
        pass


def service(status, body=b"{}"):
    answering, own = Answering(status, body), requests.Session()
    own.mount("http://", answering)
    session = Session(NoAuth(endpoint="http://heat/v1"), session=own, timeout=7)
    return CloudService("Heat", Adapter(session, endpoint_override="http://heat/v1")), answering


class Barred(NoAuth):
    """Nobody gets a token."""

    def get_headers(self, *_session, **_more):
        raise ConnectFailure("Unable to establish connection to http://keystone/v3: HTTPConnectionPool: retries")


def test_that_there_is_no_token_is_keystones_failure():
    answering, own = Answering(200, b"{}"), requests.Session()
    own.mount("http://", answering)
    heat = CloudService("Heat", Adapter(Session(Barred(endpoint="http://heat/v1"), session=own)))
    for ask in (lambda: heat.get("/stacks"), lambda: heat.is_there):
        with pytest.raises(Unanswered) as raised:
            ask()
        assert str(raised.value) == (
            "Keystone does not answer as it should: Unable to establish connection to http://keystone/v3"
        )
    assert answering.requests == []


def test_json_goes_there_and_back():
    heat, answering = service(200, b'{"stacks": []}')
    assert heat.post("/stacks", {"a": 1}) == {"stacks": []}
    assert heat.get("/stacks", params={"limit": 1}) == {"stacks": []}
    [(posted, timeout), (got, _)] = answering.requests
    assert (posted.method, posted.url, posted.body, timeout) == ("POST", "http://heat/v1/stacks", '{"a": 1}', 7)
    assert got.url == "http://heat/v1/stacks?limit=1"


@pytest.mark.parametrize("method", ["put", "patch"])
def test_other_methods(method):
    heat, answering = service(204, b"")
    assert getattr(heat, method)("/stacks/a", {}) is None
    heat.delete("/stacks/a")
    assert [request.method for request, _ in answering.requests] == [method.upper(), "DELETE"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, NotAllowed),
        (403, NotAllowed),
        (404, NotThere),
        (409, Refused),
        (500, Unanswered),
        (503, Unanswered),
        (requests.exceptions.ConnectionError("x"), Unanswered),
        (requests.exceptions.Timeout("x"), Unanswered),
    ],
)
def test_each_failure_is_of_a_kind(status, kind):
    with pytest.raises(CloudError) as raised:
        service(status)[0].get("/stacks")
    assert type(raised.value) is kind
    assert "Heat" in str(raised.value)
    if kind is Refused:
        assert raised.value.status == status


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "too many", "code": 409}}',
        b'{"badRequest": {"message": "too many", "code": 409}}',
        b'{"NeutronError": {"message": "too many", "type": "x", "detail": ""}}',
        b'{"errors": [{"detail": "too many"}]}',
        b'{"faultstring": "too many", "debuginfo": null}',
        b'{"title": "Conflict", "description": "too many", "code": 409}',
    ],
    ids=["Keystone, Heat", "Nova", "Neutron", "Placement", "Octavia", "Barbican"],
)
def test_every_service_tells_its_reason_in_its_own_form(body):
    with pytest.raises(Refused, match="Heat: too many"):
        service(409, body)[0].get("/stacks")


def test_a_reason_is_cut_and_put_on_one_line():
    with pytest.raises(Refused) as raised:
        service(409, b'{"message": "' + b"x\\n" * LONGEST_TEXT + b'"}')[0].get("/")
    assert len(str(raised.value)) < LONGEST_TEXT + 20
    assert "\n" not in str(raised.value)


def test_what_is_no_json_is_no_answer():
    with pytest.raises(Unanswered, match="no JSON"):
        service(200, b"<html>")[0].get("/")
    with pytest.raises(Refused):
        service(409, b"<html>")[0].get("/")
