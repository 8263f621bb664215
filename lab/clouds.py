"""Who there is in the lab, and how each of them talks to it: `clouds.yaml` and connections of our own."""

from typing import Any

import openstack
import yaml

from magnum.certificates.private_files import write_private_file

from .settings import REGION, Lab

ADMIN = "admin"
SYSTEM_ADMIN = "system-admin"
MEMBER = ("member", "creator", "load-balancer_member")
"""What somebody who works in a project has: Barbican and Octavia ask for roles of their own."""
PEOPLE = {
    "member": ("demo", MEMBER),
    "colleague": ("demo", MEMBER),
    "manager": ("demo", ("manager", *MEMBER)),
    "reader": ("demo", ("reader",)),
    "other": ("other", MEMBER),
    "third": ("third", MEMBER),
}
"""Project and roles of each user."""


def clouds(lab: Lab) -> dict[str, Any]:
    """Give each cloud by its name, which is its user's."""
    of_projects = {name: {"project_name": project} for name, (project, _) in PEOPLE.items()}
    scopes = of_projects | {ADMIN: {"project_name": ADMIN}, SYSTEM_ADMIN: {"system_scope": "all"}}
    return {name: cloud(lab, ADMIN if name == SYSTEM_ADMIN else name, scope) for name, scope in scopes.items()}


def cloud(lab: Lab, user: str, scope: dict[str, str]) -> dict[str, Any]:
    domains = {"user_domain_name": "Default"}
    if "project_name" in scope:
        domains["project_domain_name"] = "Default"
    who = {"auth_url": lab.identity, "username": user, "password": lab.password}
    return {"auth": who | domains | scope, "region_name": REGION, "identity_api_version": 3}


def write_clouds(lab: Lab) -> None:
    text = yaml.safe_dump({"clouds": clouds(lab)}, sort_keys=False).encode()
    write_private_file(lab.clouds, text, replace=True)


def connect(lab: Lab, name: str = ADMIN) -> Any:
    """Give a connection; its own annotations leave out half of what it takes."""
    return openstack.connect(load_yaml_config=False, load_envvars=False, **clouds(lab)[name])
