"""Who checks tokens, out of the files of several years; and what is made of Keystone's answers.

Keystone is a function here. A real one is asked in tests/functional/clients.
"""

import sys
import warnings
from datetime import UTC, datetime, timedelta
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest
from keystoneauth1 import exceptions as keystoneauth

from magnum.conf.settings import SettingsError, load_settings
from magnum.core.errors import Unauthenticated, Unavailable

with warnings.catch_warnings():
    # keystonemiddleware is made with WebOb, which imports `cgi` once.
    warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
    from keystonemiddleware.auth_token import _exceptions as middleware
    from keystonemiddleware.auth_token import _identity

    from magnum.api.middleware.keystone import CALL_SECONDS, SECTION, SERVICE_TYPE, KeystoneAuthentication

USUAL = """
[keystone_authtoken]
www_authenticate_uri = http://public/v3
auth_url = http://inside/v3
auth_type = password
username = magnum
password = secret
project_name = service
user_domain_name = Default
project_domain_name = Default
"""
OLDEST = """
[keystone_authtoken]
auth_uri = http://public:5000/v2.0
identity_uri = http://inside:35357/v2.0
admin_user = magnum
admin_password = secret
admin_tenant_name = service
"""


class Clock:
    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> int:
        raise AssertionError

    def monotonic(self) -> float:
        return self.elapsed


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make(tmp_path, clock):
    def run(text: str) -> KeystoneAuthentication:
        file = tmp_path / "magnum.conf"
        file.write_text(text)
        settings = load_settings(files=[file])
        made = KeystoneAuthentication(settings, clock=clock)
        made.options = settings.oslo[SECTION]
        return made

    return run


def token(**more) -> dict:
    """Give what Keystone says of a token."""
    expires = datetime.now(UTC) + timedelta(hours=1)
    return {
        "user": {"id": "u1", "name": "amy", "domain": {"id": "d1", "name": "Default"}},
        "roles": [{"id": "r1", "name": "member"}, {"id": "r2", "name": "reader"}],
        "expires_at": expires.isoformat(),
        "issued_at": datetime.now(UTC).isoformat(),
        "methods": ["password"],
        "catalog": [],
    } | more


PROJECT = {"project": {"id": "p1", "name": "fishers", "domain": {"id": "d1", "name": "Default"}}}


@pytest.fixture
def keystone(monkeypatch):
    """What Keystone says of tokens, and how often it was asked."""

    class Keystone:
        says = token(**PROJECT)
        asked = 0

    def verify(_server, _token, **_more):
        Keystone.asked += 1
        if isinstance(Keystone.says, Exception):
            raise Keystone.says
        return {"token": Keystone.says}

    monkeypatch.setattr(_identity.IdentityServer, "verify_token", verify)
    return Keystone


def ask(strategy: KeystoneAuthentication, **headers: str):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/v1/clusters", "SERVER_NAME": "h", "SERVER_PORT": "80"}
    environ |= {"wsgi.url_scheme": "http", "HTTP_X_AUTH_TOKEN": "t"}
    return strategy.authenticate(environ | {f"HTTP_{name.upper()}": value for name, value in headers.items()})


def test_a_token_says_who_asks(make, keystone):
    requester = ask(make(USUAL))
    assert (requester.user_id, requester.user_name, requester.user_domain_id) == ("u1", "amy", "d1")
    assert (requester.project_id, requester.project_name) == ("p1", "fishers")
    assert requester.roles == ("member", "reader")
    assert (requester.system_scope, requester.domain_id, requester.is_admin) == (None, None, False)


def test_headers_of_a_client_count_for_nothing(make, keystone):
    forged = {"x_user_id": "root", "x_roles": "admin", "x_project_id": "p9", "openstack_system_scope": "all"}
    requester = ask(make(USUAL), **forged, x_identity_status="Confirmed")
    assert requester == ask(make(USUAL))


def test_tokens_of_the_whole_system_and_of_a_domain(make, keystone):
    keystone.says = token(system={"all": True})
    system = ask(make(USUAL))
    assert (system.system_scope, system.project_id) == ("all", None)
    keystone.says = token(domain={"id": "d7", "name": "seven"})
    domain = ask(make(USUAL))
    assert (domain.domain_id, domain.project_id, domain.system_scope) == ("d7", None, None)
    keystone.says = token(roles=[])
    assert ask(make(USUAL)).roles == ()


def test_a_token_is_asked_for_once_until_the_answer_is_old(make, keystone, clock):
    strategy = make(USUAL)
    assert ask(strategy) == ask(strategy)
    assert keystone.asked == 1
    clock.elapsed = 301
    ask(strategy)
    assert keystone.asked == 2


def test_a_cache_that_is_switched_off_remembers_nothing(make, keystone):
    strategy = make(USUAL + "token_cache_time = -1\n")
    ask(strategy)
    ask(strategy)
    assert keystone.asked == 2


def test_a_token_that_ends_while_it_is_remembered_is_refused(make, keystone):
    keystone.says = token(expires_at=(datetime.now(UTC) - timedelta(seconds=1)).isoformat())
    with pytest.raises(Unauthenticated):
        ask(make(USUAL))


@pytest.mark.parametrize("said", [middleware.InvalidToken("no")])
def test_a_token_that_keystone_does_not_know_is_refused(make, keystone, said):
    keystone.says = said
    strategy = make(USUAL)
    with pytest.raises(Unauthenticated, match="needs a valid token of Keystone"):
        ask(strategy)
    assert strategy.challenge == 'Keystone uri="http://public/v3"'


def test_a_request_without_a_token_is_refused_without_a_call(make, keystone):
    with pytest.raises(Unauthenticated):
        make(USUAL).authenticate({"REQUEST_METHOD": "GET", "PATH_INFO": "/v1/clusters"})
    assert keystone.asked == 0


@pytest.mark.parametrize(
    "said",
    [
        middleware.ServiceError("own credentials are refused"),
        keystoneauth.ConnectFailure("nobody there"),
        keystoneauth.RequestTimeout("too late"),
        keystoneauth.EndpointNotFound("not in the catalogue"),
    ],
)
def test_a_keystone_that_does_not_answer_is_not_the_requesters_fault(make, keystone, said):
    keystone.says = said
    with pytest.raises(Unavailable, match="Keystone cannot be asked"):
        ask(make(USUAL))


def test_what_the_operator_left_out_is_what_we_need(make):
    options = make(USUAL).options
    assert (options.http_connect_timeout, options.service_type) == (CALL_SECONDS, SERVICE_TYPE)
    options = make(USUAL + "http_connect_timeout = 3\nservice_type = other\n").options
    assert (options.http_connect_timeout, options.service_type) == (3, "other")


def test_tokens_are_remembered_by_memcached_where_its_client_is_installed(make, monkeypatch):
    text = USUAL + "memcached_servers = cache:11211\n"
    with pytest.raises(SettingsError, match="pip install python-memcached"):
        make(text)
    monkeypatch.setitem(sys.modules, "memcache", ModuleType("memcache"))
    monkeypatch.setattr(sys.modules["memcache"], "__spec__", ModuleSpec("memcache", None))
    assert make(text).options.cache is None


@pytest.mark.parametrize(
    "text",
    [
        OLDEST,
        USUAL.replace("auth_type = password\n", "").replace("auth_url", "identity_uri"),
        USUAL.replace("auth_type", "auth_plugin").replace("username", "user_name"),
        USUAL.replace("[keystone_authtoken]\nwww_authenticate_uri = http://public/v3\n", "[keystone_auth]\n")
        + "[keystone_authtoken]\nwww_authenticate_uri = http://public/v3\n",
        USUAL.replace("[keystone_authtoken]\n", "[keystone_authtoken]\nauth_section = own\n[own]\n"),
    ],
    ids=["admin_user", "no auth_type", "older aliases", "keystone_auth", "a section of its own"],
)
def test_files_of_earlier_guides_say_who_checks_tokens(make, keystone, text):
    strategy = make(text)
    plugin = strategy._middleware._auth
    assert ("public" in strategy.challenge) or "own" in text
    assert plugin.auth_url in ("http://inside/v3", "http://inside:35357/v3")
    assert plugin._username == "magnum"
    assert plugin._password == "secret"
    assert ask(strategy).user_id == "u1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs a user who may check tokens"),
        ("[keystone_authtoken]\nauth_url = http://inside/v3\n", "needs a user who may check tokens"),
        ("[keystone_authtoken]\nusername = magnum\n", "auth_url"),
        (USUAL.replace("= password\n", "= nonsense\n"), "nonsense"),
    ],
)
def test_a_file_that_says_too_little_is_refused_at_the_start(make, text, words):
    with pytest.raises(SettingsError, match=words):
        make(text)


def test_no_password_is_shown(tmp_path):
    file = tmp_path / "magnum.conf"
    file.write_text("[keystone_authtoken]\nadmin_password = hunter2\n")
    assert "hunter2" not in repr(load_settings(files=[file]).keystone_authtoken)
