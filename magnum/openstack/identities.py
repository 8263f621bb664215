"""Everybody that Magnum is in the cloud: its own service user, that user by a cluster's trust, and a requester.

We log in by password once. Tokens of trusts, and of projects that the operator has let us into, are made from our own
token, which costs Keystone a tenth of a login; they end with it. Every token is kept as long as it is good, renewed
before it ends, and shared by all threads; so many identities are remembered, and no more. A requester's token is
another's: it is not kept here at all.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable

from keystoneauth1 import exceptions as keystoneauth
from keystoneauth1.access import AccessInfo
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.identity.v3 import Password, Token
from keystoneauth1.session import Session

from magnum.conf.settings import Settings

from .calls import LoginRefused
from .clouds import Cloud
from .credentials import Credentials, NobodyNamedError, read_credentials

MOST_IDENTITIES = 1000


class Identities:
    """Implements `Clouds`."""

    def __init__(self, settings: Settings, credentials: Credentials) -> None:
        self._settings = settings
        self._session = credentials.session
        self._address = re.sub(r"(/v[23](\.0)?)?/*$", "/v3", credentials.address, count=1)
        self._login = _Own(self._address, self._session, credentials.login())
        self._own = self._cloud(self._login)
        self._known: OrderedDict[tuple[str, ...], Cloud] = OrderedDict()
        self._lock = threading.Lock()

    def own(self) -> Cloud:
        return self._own

    def trusted(self, trust_id: str) -> Cloud:
        return self._remembered(("trust", trust_id), lambda: self._by_trust(trust_id))

    def deleting(self, trust_id: str | None, project_id: str) -> Cloud:
        return self._remembered(
            ("deleting", trust_id or "", project_id),
            lambda: _First(
                self._address, [*([self._by_trust(trust_id)] if trust_id else ()), self._in_project(project_id)]
            ),
        )

    def domain_admin(self) -> Cloud | None:
        trust = self._settings.trust
        known = (trust.trustee_domain_id or trust.trustee_domain_name) and trust.trustee_domain_admin_password
        if not known or not (trust.trustee_domain_admin_id or trust.trustee_domain_admin_name):
            return None
        return self._remembered(("domain admin",), self._by_domain_admin)

    def requested(self, token: AccessInfo) -> Cloud:
        return self._cloud(_Requester(self._address, token))

    def forget(self, trust_id: str) -> None:
        with self._lock:
            for key in [key for key in self._known if trust_id in key]:
                del self._known[key]

    def _by_trust(self, trust_id: str) -> BaseIdentityPlugin:
        refusal = (
            f"Keystone does not let us act by the trust {trust_id} any more: it was deleted, or who gave it is gone, "
            "disabled, or has lost a role. A member of the project can give a new one: openstack coe credential rotate."
        )
        return _Scoped(self._address, self._session, self._login, refusal, trust_id=trust_id)

    def _by_domain_admin(self) -> BaseIdentityPlugin:
        trust = self._settings.trust
        own_domain = (trust.trustee_domain_admin_domain_id, trust.trustee_domain_admin_domain_name)
        user_domain_id, user_domain_name = (
            own_domain
            if any(own_domain)
            else (
                trust.trustee_domain_id,
                trust.trustee_domain_name,
            )
        )
        login = Password(
            self._address,
            trust.trustee_domain_admin_password or "",
            user_id=trust.trustee_domain_admin_id,
            username=None if trust.trustee_domain_admin_id else trust.trustee_domain_admin_name,
            user_domain_id=user_domain_id,
            user_domain_name=None if user_domain_id else user_domain_name,
            domain_id=trust.trustee_domain_id,
            domain_name=None if trust.trustee_domain_id else trust.trustee_domain_name,
        )
        return _Own(self._address, self._session, login)

    def _in_project(self, project_id: str) -> BaseIdentityPlugin:
        refusal = (
            f"The cluster's trust is gone and our service user has no role in the project {project_id}. The operator "
            "can give it one (docs/operating.md, Trusts); then the deletion goes on by itself."
        )
        return _Scoped(self._address, self._session, self._login, refusal, project_id=project_id)

    def _remembered(self, key: tuple[str, ...], make: Callable[[], BaseIdentityPlugin]) -> Cloud:
        with self._lock:
            cloud = self._known.get(key)
            if cloud is None:
                cloud = self._known[key] = self._cloud(make())
            self._known.move_to_end(key)
            while len(self._known) > MOST_IDENTITIES:
                self._known.popitem(last=False)
            return cloud

    def _cloud(self, identity: BaseIdentityPlugin) -> Cloud:
        return Cloud(self._settings, identity, identity_session=self._session)


def open_identities(settings: Settings) -> Identities | None:
    """Read who we are; None where the configuration does not say it. Asks nobody yet. Raises SettingsError."""
    try:
        return Identities(settings, read_credentials(settings))
    except NobodyNamedError:
        return None


class _Own(BaseIdentityPlugin):
    """Logs in as the configuration says, in a session of Keystone's: other services may have other certificates."""

    def __init__(self, address: str, session: Session, login: BaseIdentityPlugin) -> None:
        super().__init__(auth_url=address)
        self._session = session
        self._login = login

    def get_auth_ref(self, session: Session) -> AccessInfo:
        del session
        return self._login.get_auth_ref(self._session)


class _Scoped(BaseIdentityPlugin):
    """Our own token turned into one of another scope."""

    def __init__(
        self,
        address: str,
        session: Session,
        own: _Own,
        refusal: str,
        *,
        trust_id: str | None = None,
        project_id: str | None = None,
    ) -> None:
        super().__init__(auth_url=address)
        self._address = address
        self._session = session
        self._own = own
        self._refusal = refusal
        self._trust_id = trust_id
        self._project_id = project_id

    def get_auth_ref(self, session: Session) -> AccessInfo:
        """Ask twice where our own token is an old one: Keystone may have revoked it, and says the same then."""
        del session
        known_before = self._own.auth_ref is not None
        try:
            return self._turned()
        except LoginRefused:
            if not known_before:
                raise
        self._own.invalidate()
        return self._turned()

    def _turned(self) -> AccessInfo:
        token = self._own.get_token(self._session) or ""
        identity = Token(self._address, token, trust_id=self._trust_id, project_id=self._project_id)
        try:
            return identity.get_auth_ref(self._session)
        except (keystoneauth.Unauthorized, keystoneauth.Forbidden, keystoneauth.NotFound):
            raise LoginRefused(self._refusal) from None


class _First(BaseIdentityPlugin):
    """The first of several identities that Keystone accepts."""

    def __init__(self, address: str, identities: list[BaseIdentityPlugin]) -> None:
        super().__init__(auth_url=address)
        self._identities = identities

    def get_auth_ref(self, session: Session) -> AccessInfo:
        *first, last = self._identities
        for identity in first:
            try:
                return identity.get_auth_ref(session)
            except LoginRefused:
                continue
        return last.get_auth_ref(session)


class _Requester(BaseIdentityPlugin):
    """A token that somebody has sent us, and what Keystone has said of it. It cannot be renewed."""

    def __init__(self, address: str, token: AccessInfo) -> None:
        super().__init__(auth_url=address, reauthenticate=False)
        self._token = token

    def get_auth_ref(self, session: Session) -> AccessInfo:
        del session
        return self._token

    def invalidate(self) -> bool:
        """Say that there is no other token to try again with."""
        return False
