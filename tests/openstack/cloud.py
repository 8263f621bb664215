"""The lab as tests see it: its users with their tokens, and the unmodified `openstack` command."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session
from openstack.connection import Connection

SECONDS = 120
BETWEEN_LOOKS = 0.3
OURS = "container-infra"
ENDPOINT = os.environ.get("MAGNUM_ENDPOINT")
"""Of our service, where it is not the one in the lab's catalogue: http://127.0.0.1:9511/v1."""
LATEST = {"OpenStack-API-Version": "container-infra latest"}
_OVERRIDE = {"OS_CONTAINER_INFRA_ENDPOINT_OVERRIDE": ENDPOINT} if ENDPOINT else {}


class Cloud:
    def __init__(self, folder: Path, clouds: dict[str, Any]) -> None:
        self.folder = folder
        self.clouds = clouds
        self.identity = str(clouds["admin"]["auth"]["auth_url"])
        self.address = str(urlsplit(self.identity).hostname)

    def person(self, name: str) -> "Person":
        return by(Password(**self.clouds[name]["auth"]))

    def login(self, user: str, *, domain: str = "Default", **scope: str) -> "Person":
        """Let a user log in with a scope of the test's choice."""
        password = self.clouds["admin"]["auth"]["password"]
        return by(Password(self.identity, username=user, password=password, user_domain_name=domain, **scope))

    def command(self, who: str, *arguments: str) -> str:
        """Run the unmodified command of the services' own release."""
        environment = {"OS_CLIENT_CONFIG_FILE": str(self.folder / "clouds.yaml"), "OS_CLOUD": who, "SHELL": "/bin/sh"}
        done = subprocess.run(
            [self.folder / "bin/openstack", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder / "home")} | environment | _OVERRIDE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def show(self, who: str, *arguments: str) -> Any:
        return json.loads(self.command(who, *arguments, "-f", "json"))


def by(auth: Any) -> "Person":
    """Give whoever logs in like this."""
    return Person(Connection(session=Session(auth), region_name="RegionOne"))


class Person:
    """Somebody with a token."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.endpoint = ENDPOINT

    def ask(self, method: str, path: str, body: Any = None, *, service: str = OURS, **headers: str) -> Any:
        """Ask a service with this very token, ours if no other is named; whatever it answers is given back."""
        return self.connection.session.request(
            path,
            method,
            json=body,
            headers=LATEST | headers,
            raise_exc=False,
            endpoint_filter={"service_type": service, "interface": "public"},
            endpoint_override=self.endpoint if service == OURS else None,
        )

    def make(self, path: str, body: Any) -> str:
        answer = self.ask("POST", path, body)
        assert answer.status_code in (201, 202), answer.text
        uuid: str = answer.json()["uuid"]
        return uuid

    def make_stack(self, name: str, template: Any) -> str:
        """Ask Heat, as we ask it: with a token and no password beside it."""
        answer = self.ask("POST", "/stacks", {"stack_name": name, "template": template}, service="orchestration")
        assert answer.status_code == 201, (answer.status_code, answer.text)
        stack: str = answer.json()["stack"]["id"]
        return stack

    def outside(self) -> IPv4Network:
        """Give the addresses of the external network, which only an administrator is shown."""
        return IPv4Network(self.connection.network.find_subnet("public", ignore_missing=False).cidr)

    def close(self) -> None:
        self.connection.close()


def until(what: str, is_so: Callable[[], Any], *, seconds: float = SECONDS) -> Any:
    """Look until something is so, and give it."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        if time.monotonic() > deadline:
            pytest.fail(f"After {seconds} s it is not so: {what}")
        time.sleep(BETWEEN_LOOKS)
    return found
