"""Whether a project exists, as Keystone's answers say. A real one is asked in tests/functional/clients."""

import pytest
import requests
from keystoneauth1.session import Session

from magnum.openstack.errors import NotAllowed, Unanswered
from magnum.openstack.keystone import KeystoneProjects

TOKEN = "the token"


class Answering(requests.adapters.BaseAdapter):
    """Gives one answer to everything, or fails."""

    def __init__(self, answer) -> None:
        super().__init__()
        self._answer = answer
        self.requests = []

    def send(self, request, **options):
        self.requests.append((request, options["timeout"]))
        if isinstance(self._answer, Exception):
            raise self._answer
        response = requests.Response()
        response.status_code, response.request, response.url = self._answer, request, request.url
        response._content = b"{}"
        return response

    def close(self) -> None:
        pass


def make(answer, url="http://inside/v3"):
    adapter, own = Answering(answer), requests.Session()
    own.mount("http://", adapter)
    return KeystoneProjects(Session(session=own, timeout=7), url, TOKEN), adapter


@pytest.mark.parametrize("url", ["http://inside", "http://inside/", "http://inside/v3", "http://inside/v3/"])
def test_it_is_asked_with_the_requesters_token_and_a_time_limit(url):
    projects, adapter = make(200, url)
    assert projects.exists("abc-1")
    [(request, timeout)] = adapter.requests
    assert (request.method, request.url, request.headers["X-Auth-Token"]) == (
        "GET",
        "http://inside/v3/projects/abc-1",
        TOKEN,
    )
    assert timeout == 7


def test_one_that_is_not_there():
    assert not make(404)[0].exists("abc")


@pytest.mark.parametrize("ident", ["", ".", "..", "../users", "a/b", "a?b", "a b", "é", "x" * 65, "a\n"])
def test_what_is_no_id_is_asked_of_nobody(ident):
    projects, adapter = make(200)
    assert not projects.exists(ident)
    assert adapter.requests == []


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_know(status):
    with pytest.raises(NotAllowed):
        make(status)[0].exists("abc")


@pytest.mark.parametrize(
    "answer", [400, 500, 503, requests.exceptions.ConnectionError("x"), requests.exceptions.Timeout("x")]
)
def test_one_that_says_nothing(answer):
    with pytest.raises(Unanswered) as raised:
        make(answer)[0].exists("abc")
    assert TOKEN not in str(raised.value)
