"""A Keystone that is not one: users, tokens, trusts and a catalogue in dictionaries, behind real HTTP on loopback.

It answers as a real one does (tests/openstack asks a real one the same things), notes what it was asked, and can be
told to fail. It checks passwords, scopes, roles and who may delegate what, because that is what is tested with it.
"""

import json
import threading
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from keystoneauth1.access import AccessInfoV3

from magnum.conf.settings import load_settings

PASSWORD = "secret"
DOMAIN = "default"
_LIFE = 3600.0


@dataclass
class Token:
    user: str
    methods: list[str]
    expires: float
    project: str | None = None
    domain: str | None = None
    trust: str | None = None
    credential: str | None = None


@dataclass
class FakeKeystone:
    """`roles` is (user, project) → names. `endpoints` is the catalogue. `failing` answers all with that status."""

    url: str = ""
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    roles: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    trusts: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    failing: int | None = None
    clock: Any = time.time
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add_user(self, name: str, project: str | None = None, *roles: str, domain: str = DOMAIN) -> str:
        self.users[name] = {"id": name, "name": name, "domain_id": domain, "password": PASSWORD, "enabled": True}
        if project is not None:
            self.roles[name, project] = list(roles)
        return name

    def give_token(self, user: str, project: str | None = None, **more: Any) -> str:
        """Give somebody a token as if it had logged in."""
        given = uuid.uuid4().hex
        self.tokens[given] = Token(user, ["password"], self.clock() + _LIFE, project=project, **more)
        return given

    def times(self, what: str) -> int:
        """Count the calls that began like this."""
        return sum(asked.startswith(what) for asked in self.asked)

    # ---- answers

    def answer(self, method: str, path: str, body: Any, headers: Any) -> tuple[int, Any, dict[str, str]]:
        with self.lock:
            path, _, query = path.partition("?")
            self.asked.append(f"{method} {path}" + (f"?{query}" if query else ""))
            if self.failing is not None:
                return self.failing, _error(self.failing, "told to fail"), {}
            if path in ("/v3", "/v3/", "/"):
                return 200, {"version": {"id": "v3.14", "status": "stable", "links": [self._self()]}}, {}
            if path == "/v3/auth/tokens" and method == "POST":
                return self._log_in(body["auth"])
            caller = self._caller(headers.get("X-Auth-Token"))
            if caller is None:
                return 401, _error(401, "The request you have made requires authentication."), {}
            return self._answer_to(caller, method, path, query, body, headers)

    def _answer_to(  # noqa: PLR0917
        self, caller: Token, method: str, path: str, query: str, body: Any, headers: Any
    ) -> tuple[int, Any, dict[str, str]]:
        if path == "/v3/auth/tokens":
            return self._show_token(headers.get("X-Subject-Token"))
        kind, _, ident = path.removeprefix("/v3/").removeprefix("OS-TRUST/").partition("/")
        known = getattr(self, f"_{method.lower()}_{kind}", None)
        if known is None:
            return 404, _error(404, "The resource could not be found."), {}
        status, answer = known(caller, ident, body, dict(pair.split("=") for pair in query.split("&") if pair))
        return status, answer, {}

    def _self(self) -> dict[str, str]:
        return {"rel": "self", "href": f"{self.url}/v3/"}

    def _caller(self, token: str | None) -> Token | None:
        found = self.tokens.get(token or "")
        return found if found is not None and found.expires > self.clock() and self._is_alive(found) else None

    def _is_alive(self, token: Token) -> bool:
        user = self.users.get(token.user)
        return bool(user and user["enabled"]) and (token.trust is None or token.trust in self.trusts)

    def _log_in(self, auth: Any) -> tuple[int, Any, dict[str, str]]:
        refused = 401, _error(401, "The request you have made requires authentication."), {}
        [method] = auth["identity"]["methods"]
        if method == "password":
            user = self._find_user(auth["identity"]["password"]["user"])
            if user is None or user["password"] != auth["identity"]["password"]["user"]["password"]:
                return refused
            made = Token(user["id"], [method], self.clock() + _LIFE)
        else:
            old = self._caller(auth["identity"]["token"]["id"])
            if old is None:
                return refused
            if old.trust or old.credential:
                return 403, _error(403, "Tokens of trusts and application credentials cannot be rescoped."), {}
            made = Token(old.user, [method, *old.methods], old.expires)
        if not self._scope(made, auth.get("scope") or {}):
            return refused
        given = uuid.uuid4().hex
        self.tokens[given] = made
        return 201, {"token": self._described(made)}, {"X-Subject-Token": given}

    def _find_user(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        for user in self.users.values():
            if user["id"] == asked.get("id") or user["name"] == asked.get("name"):
                return user if user["enabled"] else None
        return None

    def _scope(self, token: Token, scope: dict[str, Any]) -> bool:
        if trust := scope.get("OS-TRUST:trust"):
            known = self.trusts.get(trust["id"])
            if known is None or known["trustee_user_id"] != token.user:
                return False
            trustor = self.users.get(known["trustor_user_id"])
            held = self.roles.get((known["trustor_user_id"], known["project_id"]), [])
            if not trustor or not trustor["enabled"] or not {r["name"] for r in known["roles"]} <= set(held):
                return False
            token.user, token.project, token.trust = trustor["id"], known["project_id"], known["id"]
        elif project := scope.get("project"):
            token.project = project.get("id") or project["name"]
            return (token.user, token.project) in self.roles
        elif domain := scope.get("domain"):
            token.domain = domain.get("id") or domain["name"]
        return True

    def _described(self, token: Token) -> dict[str, Any]:
        user = self.users[token.user]
        names = self.roles.get((token.user, token.project or ""), [])
        if token.trust:
            names = [role["name"] for role in self.trusts[token.trust]["roles"]]
        said: dict[str, Any] = {
            "user": {"id": user["id"], "name": user["name"], "domain": {"id": user["domain_id"], "name": "Default"}},
            "roles": [{"id": f"role-{name}", "name": name} for name in names],
            "methods": token.methods,
            "issued_at": _moment(self.clock()),
            "expires_at": _moment(token.expires),
            "catalog": [self._service(kind, url) for kind, url in {"identity": self.url, **self.endpoints}.items()],
        }
        if token.project:
            said["project"] = {"id": token.project, "name": token.project, "domain": {"id": DOMAIN, "name": "Default"}}
        if token.domain:
            said["domain"] = {"id": token.domain, "name": token.domain}
        if token.trust:
            trust = self.trusts[token.trust]
            users = {name: {"id": trust[f"{name}_id"]} for name in ("trustor_user", "trustee_user")}
            said["OS-TRUST:trust"] = {"id": token.trust, "impersonation": True, **users}
        if token.credential:
            said["application_credential"] = {"id": token.credential, "name": "c", "restricted": True}
        return said

    def _service(self, kind: str, url: str) -> dict[str, Any]:
        ends = [
            {"id": kind + name, "interface": name, "url": url, "region": "RegionOne", "region_id": "RegionOne"}
            for name in ("public", "internal", "admin")
        ]
        return {"type": kind, "name": kind, "id": kind, "endpoints": ends}

    def _show_token(self, subject: str | None) -> tuple[int, Any, dict[str, str]]:
        token = self._caller(subject)
        if token is None:
            return 404, _error(404, "Could not find token."), {}
        return 200, {"token": self._described(token)}, {"X-Subject-Token": subject or ""}

    # ---- trusts

    def _post_trusts(self, caller: Token, _ident: str, body: Any, _query: dict[str, str]) -> tuple[int, Any]:
        asked = body["trust"]
        held = set(self.roles.get((caller.user, asked["project_id"]), []))
        names = {role.get("name") or role["id"].removeprefix("role-") for role in asked["roles"]}
        if caller.credential or caller.user != asked["trustor_user_id"] or not names or not names <= held:
            return 403, _error(403, "You are not authorized to perform the requested action: create trust.")
        ident = uuid.uuid4().hex
        roles = [{"id": f"role-{name}", "name": name} for name in sorted(names)]
        if caller.trust and not self.trusts[caller.trust].get("redelegation_count"):
            return 403, _error(403, "The chain of redelegation ends here.")
        made_from = {"redelegated_trust_id": caller.trust, "expires_at": None, "redelegation_count": 0}
        known = made_from | asked | {"id": ident, "roles": roles}
        self.trusts[ident] = known
        return 201, {"trust": known}

    def _get_trusts(self, caller: Token, ident: str, _body: Any, query: dict[str, str]) -> tuple[int, Any]:
        if not ident:
            found = [t for t in self.trusts.values() if all(t[name] == value for name, value in query.items())]
            return 200, {"trusts": found}
        known = self.trusts.get(ident)
        if known is None or caller.user not in (known["trustor_user_id"], known["trustee_user_id"]):
            return 404, _error(404, f"Could not find trust: {ident}.")
        return 200, {"trust": known}

    def _delete_trusts(self, caller: Token, ident: str, _body: Any, _query: dict[str, str]) -> tuple[int, Any]:
        known = self.trusts.get(ident)
        if known is None:
            return 404, _error(404, f"Could not find trust: {ident}.")
        if caller.user != known["trustor_user_id"]:
            return 403, _error(403, "You are not authorized to perform the requested action: delete trust.")
        self._end(ident)
        return 204, None

    def _end(self, ident: str) -> None:
        del self.trusts[ident]
        for made in [trust["id"] for trust in self.trusts.values() if trust["redelegated_trust_id"] == ident]:
            self._end(made)

    # ---- users of clusters

    def _post_users(self, caller: Token, _ident: str, body: Any, _query: dict[str, str]) -> tuple[int, Any]:
        asked = body["user"]
        if caller.domain != asked["domain_id"]:
            return 403, _error(403, "You are not authorized to perform the requested action: create user.")
        if any((u["name"], u["domain_id"]) == (asked["name"], asked["domain_id"]) for u in self.users.values()):
            return 409, _error(409, "Conflict occurred attempting to store user.")
        ident = uuid.uuid4().hex
        self.users[ident] = {"id": ident, "enabled": True, **asked}
        return 201, {"user": {name: value for name, value in self.users[ident].items() if name != "password"}}

    def _get_users(self, caller: Token, ident: str, _body: Any, query: dict[str, str]) -> tuple[int, Any]:
        found = [u for u in self.users.values() if all(u[name] == value for name, value in query.items())]
        if ident:
            return (200, {"user": self.users[ident]}) if ident in self.users else (404, _error(404, "No such user."))
        return 200, {"users": [user for user in found if caller.domain in (None, user["domain_id"])]}

    def _patch_users(self, caller: Token, ident: str, body: Any, _query: dict[str, str]) -> tuple[int, Any]:
        if caller.domain != self.users[ident]["domain_id"]:
            return 403, _error(403, "You are not authorized to perform the requested action: update user.")
        self.users[ident] |= body["user"]
        return 200, {"user": self.users[ident]}

    def _delete_users(self, caller: Token, ident: str, _body: Any, _query: dict[str, str]) -> tuple[int, Any]:
        if ident not in self.users or caller.domain != self.users[ident]["domain_id"]:
            return 403, _error(403, "You are not authorized to perform the requested action: delete user.")
        del self.users[ident]
        self.trusts = {
            known: trust
            for known, trust in self.trusts.items()
            if ident not in (trust["trustee_user_id"], trust["trustor_user_id"])
        }
        return 204, None


def _error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "title": "-"}}


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(seconds))


@contextmanager
def fake_keystone() -> Iterator[FakeKeystone]:
    """Serve one on a port of its own; our service user is in it."""
    keystone = FakeKeystone()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer, headers = keystone.answer(self.command, self.path, body, self.headers)
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            usual = {"Content-Type": "application/json", "Content-Length": str(len(text))}
            for name, value in (usual | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = do_PATCH = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        keystone.url = f"http://127.0.0.1:{server.server_port}"
        keystone.add_user("magnum", "service", "service")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield keystone
        finally:
            server.shutdown()
            thread.join()


def configuration(keystone: FakeKeystone) -> str:
    """Give what magnum.conf says of it."""
    return f"""
[DEFAULT]
auth_strategy = keystone
[keystone_authtoken]
www_authenticate_uri = {keystone.url}
auth_url = {keystone.url}
auth_type = password
username = magnum
password = {PASSWORD}
project_name = service
user_domain_name = Default
project_domain_name = Default
"""


def open_clouds(keystone: FakeKeystone, folder: Path, more: str = "") -> Any:
    """Give the service's identities there, as a process has them."""
    file = folder / "magnum.conf"
    file.write_text(configuration(keystone) + more)
    with warnings.catch_warnings():
        # keystonemiddleware is made with WebOb, which imports `cgi` once.
        warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
        from magnum.openstack.identities import open_identities

    return open_identities(load_settings(files=[file]))


def requested(keystone: FakeKeystone, clouds: Any, user: str, project: str) -> Any:
    """Give the cloud as the API sees it for somebody's request."""
    token = keystone.give_token(user, project)
    return clouds.requested(AccessInfoV3({"token": keystone._described(keystone.tokens[token])}, token))
