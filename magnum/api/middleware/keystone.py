"""auth_strategy = keystone: a token, checked by keystonemiddleware as [keystone_authtoken] says.

The middleware stands here alone, not around the application: who asks is what it says of the token, never a header. So
refusals have our form, and answers do not pass through it. A token is checked at Keystone once and then remembered, by
`tokens`, or by memcached where that is configured.

What the operator did not set gets what we need: a time limit for calls, the name of this service for access rules. Who
may check tokens is said by `openstack.credentials`.
"""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

from keystoneauth1 import exceptions as keystoneauth
from keystoneauth1.access import AccessInfoV3
from keystonemiddleware import auth_token
from oslo_config import cfg

from magnum.conf.settings import Settings, SettingsError
from magnum.core.errors import Unauthenticated, Unavailable
from magnum.model.clocks import Clock
from magnum.model.requesters import Requester
from magnum.openstack.clouds import Cloud, Clouds
from magnum.openstack.credentials import CALL_SECONDS, SECTION, read_credentials
from magnum.openstack.keystone import KeystoneProjects

from .tokens import TokenMemory

SERVICE_TYPE = "container-infra"
_MEMORY = "magnum.token_memory"
_MEMCACHED_CLIENT = "memcache"
_ACCEPTED = "204 No Content"
_TOKEN = "keystone.token_auth"  # noqa: S105  where the middleware leaves what it knows of the token
_REFUSED = "The request needs a valid token of Keystone. Log in again."
_UNREACHABLE = "Keystone cannot be asked whether the token is valid. Try again shortly."


class KeystoneAuthentication:
    def __init__(self, settings: Settings, *, clock: Clock, clouds: Clouds | None = None) -> None:
        self._clouds = clouds
        self._memory = TokenMemory(clock)
        self._credentials = read_credentials(settings)
        _set_defaults(settings.oslo)
        try:
            self._middleware = auth_token.AuthProtocol(_accept, {"oslo_config_config": settings.oslo})
        except keystoneauth.ClientException as error:
            raise SettingsError(f"[{SECTION}] cannot be used: {error}.") from error
        self.challenge = f'Keystone uri="{settings.oslo[SECTION].www_authenticate_uri}"'

    def authenticate(self, environ: dict[str, Any]) -> Requester:
        asked = {**environ, _MEMORY: self._memory}
        status: list[str] = []
        try:
            for _ in self._middleware(asked, lambda line, *_: status.append(line)):
                pass
        except keystoneauth.ClientException as error:
            raise Unavailable(_UNREACHABLE) from error
        if status[0].startswith("401"):
            raise Unauthenticated(_REFUSED)
        if status[0] != _ACCEPTED:
            raise Unavailable(_UNREACHABLE)
        environ[_TOKEN] = asked[_TOKEN]
        return _requester(asked[_TOKEN].user)

    def projects(self, environ: Mapping[str, Any]) -> KeystoneProjects:
        token = environ.get("HTTP_X_AUTH_TOKEN") or environ.get("HTTP_X_STORAGE_TOKEN", "")
        return KeystoneProjects(self._credentials.session, self._credentials.address, token)

    def cloud(self, environ: Mapping[str, Any]) -> Cloud | None:
        """Give it by the token itself and the catalogue that came with it, so that nobody needs to log in anew."""
        return self._clouds.requested(environ[_TOKEN].user) if self._clouds else None


def _accept(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response(_ACCEPTED, [])
    return []


def _requester(token: AccessInfoV3) -> Requester:
    return Requester(
        user_id=token.user_id,
        user_name=token.username,
        project_id=token.project_id,
        project_name=token.project_name,
        roles=tuple(token.role_names or ()),
        user_domain_id=token.user_domain_id,
        user_domain_name=token.user_domain_name,
        domain_id=token.domain_id,
        system_scope="all" if token.system_scoped else None,
    )


def _set_defaults(conf: cfg.ConfigOpts) -> None:
    """Give what the operator left out the values that we need of the middleware."""
    section = conf[SECTION]
    values: dict[str, Any] = {"http_connect_timeout": CALL_SECONDS, "service_type": SERVICE_TYPE}
    if not section.memcached_servers:
        values["cache"] = _MEMORY
    elif find_spec(_MEMCACHED_CLIENT) is None:
        raise SettingsError(
            f"[{SECTION}] memcached_servers is set, and what speaks with memcached is not installed: "
            "pip install python-memcached, or leave the option out."
        )
    for name, value in values.items():
        conf.set_default(name, value, group=SECTION)
