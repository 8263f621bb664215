"""What Keystone holds in the lab: domains, projects, users with their roles, and the catalogue.

Two domains are for users that services make: Heat's, and ours for the trustees of clusters. Who manages ours may make
users there and nothing else anywhere; Heat grants a role of its own, and to be allowed to one must be an administrator.
"""

import hashlib
from pathlib import Path
from typing import Any

from . import clouds
from .clouds import ADMIN, PEOPLE
from .settings import REGION, Lab

OURS = "magnum"
SERVICES = ("barbican", "glance", "placement", "nova", "neutron", "cinder", "octavia", "heat", OURS)
"""They have users of their own in the project `service`."""
OUR_ROLES = ("service", "creator")
"""To check tokens, and to keep certificates in Barbican."""
DOMAIN_ADMINS = {"heat": ("heat-domain-admin", ADMIN), "magnum": ("magnum-domain-admin", "manager")}
"""User and role, by domain."""
ROLES = ("creator", "load-balancer_member", "heat_stack_user")
CATALOGUE = (
    ("key-manager", "barbican", "barbican", ""),
    ("image", "glance", "glance", ""),
    ("placement", "placement", "placement", ""),
    ("compute", "nova", "nova", "/v2.1"),
    ("network", "neutron", "neutron", ""),
    ("block-storage", "cinder", "cinder", "/v3"),
    ("load-balancer", "octavia", "octavia", ""),
    ("orchestration", "heat", "heat", "/v1/%(project_id)s"),
    ("cloudformation", "heat-cfn", "heat-cfn", "/v1"),
    ("container-infra", OURS, "magnum", "/v1"),
)
"""Type, name, server, and what follows in the URL."""
INTERFACES = ("public", "internal", "admin")


def version() -> str:
    """Give what changes with what is to be made; to look for all of it takes longer than all else."""
    sources = [Path(file).read_bytes() for file in (__file__, clouds.__file__)]
    return hashlib.sha256(b"".join(sources)).hexdigest()


def make_people_and_catalogue(lab: Lab) -> bool:
    """Make all that is missing."""
    maker = Maker(clouds.connect(lab).identity, lab)
    maker.make_projects()
    maker.make_people()
    maker.make_catalogue()
    return True


class Maker:
    def __init__(self, identity: Any, lab: Lab) -> None:
        self._identity = identity
        self._lab = lab
        self._domain = identity.find_domain("Default")
        self._roles = {role.name: role for role in identity.roles()}
        self._projects = {project.name: project for project in identity.projects(domain_id=self._domain.id)}

    def make_projects(self) -> None:
        for name in ROLES:
            if name not in self._roles:
                self._roles[name] = self._identity.create_role(name=name)
        for name in {"service", *(project for project, _ in PEOPLE.values())}:
            if name not in self._projects:
                self._projects[name] = self._identity.create_project(name=name, domain_id=self._domain.id)

    def make_people(self) -> None:
        for name in SERVICES:
            self._grant(name, "service", OUR_ROLES if name == OURS else (ADMIN, "service"))
        for name, (project, roles) in PEOPLE.items():
            self._grant(name, project, roles)
        for name, (admin, role) in DOMAIN_ADMINS.items():
            domain = self._identity.find_domain(name) or self._identity.create_domain(name=name)
            user = self._user(admin, domain)
            self._identity.assign_domain_role_to_user(domain, user, self._roles[role])

    def make_catalogue(self) -> None:
        for kind, name, server, path in CATALOGUE:
            service = self._identity.find_service(name) or self._identity.create_service(type=kind, name=name)
            present = {endpoint.interface for endpoint in self._identity.endpoints(service_id=service.id)}
            for interface in INTERFACES:
                if interface not in present:
                    more = {"url": self._lab.url(server) + path, "region_id": REGION}
                    self._identity.create_endpoint(service_id=service.id, interface=interface, **more)

    def _grant(self, name: str, project: str, roles: tuple[str, ...]) -> None:
        user = self._user(name, self._domain)
        for role in roles:
            self._identity.assign_project_role_to_user(self._projects[project], user, self._roles[role])

    def _user(self, name: str, domain: Any) -> Any:
        return self._identity.find_user(name, domain_id=domain.id) or self._identity.create_user(
            name=name, domain_id=domain.id, password=self._lab.password
        )
