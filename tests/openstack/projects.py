"""A project of a test's own in the lab, with one member: nobody else works in it, and it can be seen to be empty."""

import secrets
from contextlib import ExitStack
from typing import Any

from cloud import Cloud, Person, by
from keystoneauth1.identity.v3 import Password

KEY_PAIR = "key"
ROLES = ("member", "creator", "load-balancer_member")


class Project:
    """Gone, with all that is left in it of its own accord, when `until` ends."""

    def __init__(self, cloud: Cloud, until: ExitStack) -> None:
        self.admin: Any = cloud.person("admin").connection
        until.callback(self.admin.close)
        identity = self.admin.identity
        name, password = f"test-{secrets.token_hex(4)}", secrets.token_hex(16)
        self._project = identity.create_project(name=name, domain_id="default")
        until.callback(identity.delete_project, self._project)
        user = identity.create_user(name=name, password=password, domain_id="default")
        until.callback(identity.delete_user, user)
        for role in ROLES:
            identity.assign_project_role_to_user(self._project, user, identity.find_role(role))
        auth = Password(cloud.identity, user_id=user.id, password=password, project_id=self._project.id)
        self.owner: Person = by(auth)
        until.callback(self.owner.close)
        until.callback(self._remove_security_groups)
        compute = self.owner.connection.compute
        compute.create_keypair(name=KEY_PAIR)
        until.callback(compute.delete_keypair, KEY_PAIR)

    @property
    def id(self) -> str:
        return str(self._project.id)

    def allow_servers(self, count: int) -> None:
        body = {"quota_set": {"instances": count, "force": True}}
        answer = Person(self.admin).ask("PUT", f"/os-quota-sets/{self.id}", body, service="compute")
        assert answer.status_code == 200, answer.text

    def holds(self) -> list[str]:
        """Name all that there is in it, but for what every project has."""
        own, of_project = self.owner.connection, {"project_id": self.id}
        found = {
            "stack": own.orchestration.stacks(),
            "server": own.compute.servers(),
            "volume": own.block_storage.volumes(),
            "load balancer": own.load_balancer.load_balancers(),
            "port": own.network.ports(**of_project),
            "network": own.network.networks(**of_project),
            "router": own.network.routers(**of_project),
            "address": own.network.ips(**of_project),
            "security group": (group for group in own.network.security_groups(**of_project) if group.name != "default"),
            "secret": own.key_manager.secrets(),
            "trust": self.admin.identity.trusts(trustor_user_id=own.current_user_id),
        }
        return [f"{kind} {thing.id}" for kind, things in found.items() for thing in things]

    def _remove_security_groups(self) -> None:
        """Neutron makes one for each project, and leaves it when that goes."""
        for group in self.admin.network.security_groups(project_id=self.id):
            self.admin.network.delete_security_group(group)
