"""Who may come to our API with a token of Keystone's, each with the column of the table of policy that holds for it.

Whom the lab does not have is made here and removed in the end: a reader of the whole system, our service with a
member's trust, and a program with a member's application credential. Everybody logs in once.
"""

import secrets
from contextlib import ExitStack
from typing import Any

from cloud import Cloud, Person, by
from keystoneauth1.identity.v3 import ApplicationCredential, Password

COLUMN = {
    "system-admin": "system admin",
    "system-reader": "system reader",
    "domain-manager": "system reader",
    "admin": "project admin",
    "manager": "manager",
    "colleague": "manager",
    "member": "member",
    "service-trust": "member",
    "application-credential": "member",
    "reader": "reader",
    "other": "other project",
    "third": "other project",
}
"""A colleague owns nothing, as the manager does not. A token of a domain is one of no project, as a system reader's."""


class Identities:
    def __init__(self, cloud: Cloud, until: ExitStack) -> None:
        """Whoever is made is there until `until` ends."""
        self._cloud = cloud
        self._until = until
        self._known: dict[str, Person] = {}

    def __call__(self, name: str) -> Person:
        if name not in self._known:
            self._known[name] = person = self._log_in(name)
            self._until.callback(person.close)
        return self._known[name]

    def _log_in(self, name: str) -> Person:
        match name:
            case "system-reader":
                return by(self._system_reader())
            case "domain-manager":
                return self._cloud.login("magnum-domain-admin", domain="magnum", domain_name="magnum")
            case "service-trust":
                return self._cloud.login("magnum", trust_id=self._service_trust())
            case "application-credential":
                return by(self._application_credential())
        return self._cloud.person(name)

    def _system_reader(self) -> Password:
        identity = self("admin").connection.identity
        name, password = f"system-reader-{secrets.token_hex(4)}", secrets.token_hex(16)
        user = identity.create_user(name=name, password=password, domain_id="default")
        self._until.callback(identity.delete_user, user)
        identity.assign_system_role_to_user(user, identity.find_role("reader"), "all")
        return Password(self._cloud.identity, user_id=user.id, password=password, system_scope="all")

    def _service_trust(self) -> str:
        """Make what the API makes with a requester's token, and conductors act with."""
        owner, access = self._member()
        [trustee] = self("admin").connection.identity.users(name="magnum", domain_id="default")
        trust = owner.identity.create_trust(
            trustor_user_id=access.user_id,
            trustee_user_id=trustee.id,
            project_id=access.project_id,
            roles=[{"name": name} for name in access.role_names],
            impersonation=True,
        )
        self._until.callback(owner.identity.delete_trust, trust)
        return str(trust.id)

    def _application_credential(self) -> ApplicationCredential:
        owner, access = self._member()
        name = f"tenancy-{secrets.token_hex(4)}"
        made = owner.identity.create_application_credential(access.user_id, name=name)
        self._until.callback(owner.identity.delete_application_credential, access.user_id, made)
        return ApplicationCredential(
            self._cloud.identity, application_credential_id=made.id, application_credential_secret=made.secret
        )

    def _member(self) -> tuple[Any, Any]:
        connection = self("member").connection
        return connection, connection.session.auth.get_access(connection.session)
