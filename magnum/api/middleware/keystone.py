"""auth_strategy = keystone: a token, checked by keystonemiddleware as [keystone_authtoken] says.

The middleware stands here alone, not around the application: who asks is what it says of the token, never a header. So
refusals have our form, and answers do not pass through it. A token is checked at Keystone once and then remembered, by
`tokens`, or by memcached where that is configured.

What the operator did not set gets what we need: a time limit for calls, the name of this service for access rules, and
the credentials that guides of earlier releases set under older names or in [keystone_auth].
"""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

from keystoneauth1 import exceptions as keystoneauth
from keystoneauth1 import loading
from keystoneauth1.access import AccessInfoV3
from keystoneauth1.session import Session
from keystonemiddleware import auth_token
from oslo_config import cfg

from magnum.conf.keystone_authtoken import KeystoneAuthtoken
from magnum.conf.settings import Settings, SettingsError
from magnum.core.errors import Unauthenticated, Unavailable
from magnum.model.clocks import Clock
from magnum.model.requesters import Requester
from magnum.openstack.keystone import KeystoneProjects

from .tokens import TokenMemory

SECTION = "keystone_authtoken"
CALL_SECONDS = 10
SERVICE_TYPE = "container-infra"
_OTHER_SECTION = "keystone_auth"
_PASSWORD = "password"  # noqa: S105  a way to log in
_MEMORY = "magnum.token_memory"
_MEMCACHED_CLIENT = "memcache"
_ACCEPTED = "204 No Content"
_TOKEN = "keystone.token_auth"  # noqa: S105  where the middleware leaves what it knows of the token
_REFUSED = "The request needs a valid token of Keystone. Log in again."
_UNREACHABLE = "Keystone cannot be asked whether the token is valid. Try again shortly."
_NOBODY = (
    f"auth_strategy = keystone needs a user who may check tokens. Set auth_url, username, password, project_name, "
    f"user_domain_name and project_domain_name in [{SECTION}]."
)


class KeystoneAuthentication:
    def __init__(self, settings: Settings, *, clock: Clock) -> None:
        self._memory = TokenMemory(clock)
        try:
            set_defaults(settings.oslo, settings.keystone_authtoken)
            self._middleware = auth_token.AuthProtocol(_accept, {"oslo_config_config": settings.oslo})
        except keystoneauth.ClientException as error:
            raise SettingsError(f"[{SECTION}] cannot be used: {error}.") from error
        section = settings.oslo[SECTION]
        verify = False if section.insecure else section.cafile or True
        cert = (section.certfile, section.keyfile) if section.certfile and section.keyfile else None
        self._session = Session(verify=verify, cert=cert, timeout=CALL_SECONDS)
        credentials = settings.oslo[section.auth_section or SECTION]
        known = "auth_url" in credentials  # no .get(): it raises what no mapping raises
        self._address = credentials["auth_url"] if known else section.www_authenticate_uri
        self.challenge = f'Keystone uri="{settings.oslo[SECTION].www_authenticate_uri}"'

    def authenticate(self, environ: Mapping[str, Any]) -> Requester:
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
        return _requester(asked[_TOKEN].user)

    def projects(self, environ: Mapping[str, Any]) -> KeystoneProjects:
        token = environ.get("HTTP_X_AUTH_TOKEN") or environ.get("HTTP_X_STORAGE_TOKEN", "")
        return KeystoneProjects(self._session, self._address, token)


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


def set_defaults(conf: cfg.ConfigOpts, older: KeystoneAuthtoken) -> None:
    """Give what the operator left out the values that we need. Raises SettingsError if nobody may check tokens."""
    for name, options in auth_token.list_opts():
        conf.register_opts(options, group=name)
    section = conf[SECTION]
    values: dict[str, Any] = {"http_connect_timeout": CALL_SECONDS, "service_type": SERVICE_TYPE}
    if not section.memcached_servers:
        values["cache"] = _MEMORY
    elif find_spec(_MEMCACHED_CLIENT) is None:
        raise SettingsError(
            f"[{SECTION}] memcached_servers is set, and what speaks with memcached is not installed: "
            "pip install python-memcached, or leave the option out."
        )
    if section.auth_section:
        credentials = conf[_register_plugin(conf, section.auth_section)]
    else:
        values |= _credentials(conf, older)
        credentials = section
    known = section.www_authenticate_uri or older.auth_uri or credentials["auth_url"] or values.get("auth_url")
    for name, value in (values | {"www_authenticate_uri": known}).items():
        conf.set_default(name, value, group=SECTION)


def _credentials(conf: cfg.ConfigOpts, older: KeystoneAuthtoken) -> dict[str, Any]:
    """Say who checks tokens: today's options, older names of them, or those of [keystone_auth]."""
    section = conf[_register_plugin(conf, SECTION)]
    if section.auth_type not in (None, _PASSWORD):
        return {}
    # Where only the public or an older address is set. Version 2 of Keystone's API is no more.
    known = older.identity_uri or section.www_authenticate_uri or older.auth_uri
    address = {"auth_url": known.replace("/v2.0", "/v3")} if known else {}
    if _names_somebody(section):
        return {"auth_type": _PASSWORD, **address}
    if older.admin_user:
        return {
            "auth_type": _PASSWORD,
            "username": older.admin_user,
            "password": older.admin_password,
            "project_name": older.admin_tenant_name,
            "user_domain_id": "default",
            "project_domain_id": "default",
            **address,
        }
    other = conf[_register_plugin(conf, _OTHER_SECTION)]
    if not _names_somebody(other):
        raise SettingsError(_NOBODY)
    for name, value in ({"auth_type": _PASSWORD} | address).items():
        conf.set_default(name, value, group=_OTHER_SECTION)
    return {"auth_section": _OTHER_SECTION}


def _register_plugin(conf: cfg.ConfigOpts, section: str) -> str:
    """Declare the options of the section's way to log in, which is by password unless it says otherwise."""
    loading.register_auth_conf_options(conf, section)
    plugin = conf[section].auth_type or _PASSWORD
    conf.register_opts(loading.get_auth_plugin_conf_options(plugin), group=section)
    return section


def _names_somebody(section: Mapping[str, Any]) -> bool:
    return bool(section["username"] or section["user_id"])
