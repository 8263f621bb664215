"""The two ways to log in that are measured, both for one project: a password in a file, and a token of a real Keystone.

Either is seen once before anything is measured, so the service has it in its memory, as it has nearly always.
"""

import base64
import configparser
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import urllib3
from real import PASSWORD, Keystone, keystone_authtoken

USER = "amy"
_NOWHERE = "http://127.0.0.1:9/v1"


@dataclass(frozen=True)
class Login:
    name: str
    project: str
    header: str
    options: dict[str, dict[str, Any]]


@contextlib.contextmanager
def logins(folder: Path) -> Iterator[list[Login]]:
    with Keystone(folder / "keystone", _NOWHERE) as keystone:
        token, project = _log_in(keystone)
        users = folder / "htpasswd"
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        users.write_text(f"{USER}:{hashed}:{project}:member\n")
        credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        sections = configparser.ConfigParser()
        sections.read_string(keystone_authtoken(keystone))
        basic = {"auth_strategy": "http_basic", "http_basic_auth_user_file": users}
        yield [
            Login("password", project, f"Authorization: Basic {credentials}", {"DEFAULT": basic}),
            Login(
                "token",
                project,
                f"X-Auth-Token: {token}",
                {
                    "DEFAULT": {"auth_strategy": "keystone"},
                    **{name: dict(sections[name]) for name in sections.sections()},
                },
            ),
        ]


def _log_in(keystone: Keystone) -> tuple[str, str]:
    """Give a token and the project that it is for."""
    auth = keystone.cloud(USER)["auth"]
    user = {"name": auth["username"], "password": auth["password"], "domain": {"id": auth["user_domain_id"]}}
    scope = {"project": {"name": auth["project_name"], "domain": {"id": auth["project_domain_id"]}}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
    answer = urllib3.request("POST", f"{keystone.url}/auth/tokens", json=body, timeout=30)
    if answer.status != 201:
        raise RuntimeError(f"Keystone gives no token: {answer.data.decode()[:1000]}")
    return answer.headers["X-Subject-Token"], answer.json()["token"]["project"]["id"]
