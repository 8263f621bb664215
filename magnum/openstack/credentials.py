"""Who we are in the cloud: the service user of [keystone_authtoken], which the API and conductors read alike.

What the operator did not set there gets what we need: the credentials that guides of earlier releases set under older
names or in [keystone_auth], and the address of Keystone that is known. The options are keystonemiddleware's, because it
reads the same section.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keystoneauth1 import exceptions as keystoneauth
from keystoneauth1 import loading
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.session import Session
from keystonemiddleware import auth_token
from oslo_config import cfg

from magnum.conf.keystone_authtoken import KeystoneAuthtoken
from magnum.conf.settings import Settings, SettingsError

SECTION = "keystone_authtoken"
CALL_SECONDS = 10
"""How long Keystone may take for an answer."""
_OTHER_SECTION = "keystone_auth"
_PASSWORD = "password"  # noqa: S105  a way to log in
_NOBODY = (
    f"auth_strategy = keystone needs a user who may check tokens. Set auth_url, username, password, project_name, "
    f"user_domain_name and project_domain_name in [{SECTION}]."
)


class NobodyNamedError(SettingsError):
    """The configuration does not say who we are in the cloud."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """`address` is where Keystone is asked, as the operator wrote it; `session` is how."""

    conf: cfg.ConfigOpts
    address: str
    session: Session

    def login(self) -> BaseIdentityPlugin:
        """Give what logs in as our service user when a token is first needed. Raises SettingsError."""
        try:
            plugin = loading.load_auth_from_conf_options(self.conf, SECTION)
        except keystoneauth.ClientException as error:
            raise SettingsError(f"[{SECTION}] cannot be used: {error}.") from error
        if not isinstance(plugin, BaseIdentityPlugin):
            raise SettingsError(f"[{SECTION}] auth_type is nothing that logs in at Keystone.")
        return plugin


def read_credentials(settings: Settings) -> Credentials:
    """Complete the section with what the operator left out. Raises NobodyNamedError, or SettingsError."""
    conf = settings.oslo
    try:
        credentials = _complete(conf, settings.keystone_authtoken)
    except keystoneauth.ClientException as error:
        raise SettingsError(f"[{SECTION}] cannot be used: {error}.") from error
    section = conf[SECTION]
    cert = (section.certfile, section.keyfile) if section.certfile and section.keyfile else None
    verify = False if section.insecure else section.cafile or True
    known = "auth_url" in credentials  # no .get(): it raises what no mapping raises
    return Credentials(
        conf=conf,
        address=(credentials["auth_url"] if known else None) or section.www_authenticate_uri or "",
        session=Session(verify=verify, cert=cert, timeout=CALL_SECONDS),
    )


def _complete(conf: cfg.ConfigOpts, older: KeystoneAuthtoken) -> Mapping[str, Any]:
    """Set the defaults that we need; give the section that the credentials stand in."""
    for name, options in auth_token.list_opts():
        conf.register_opts(options, group=name)
    section = conf[SECTION]
    values: dict[str, Any] = {}
    if section.auth_section:
        credentials = conf[_register_plugin(conf, section.auth_section)]
    else:
        values = _credentials(conf, older)
        credentials = section
    known = section.www_authenticate_uri or older.auth_uri or credentials["auth_url"] or values.get("auth_url")
    for name, value in (values | {"www_authenticate_uri": known}).items():
        conf.set_default(name, value, group=SECTION)
    found: Mapping[str, Any] = conf[section.auth_section or SECTION]
    return found


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
        raise NobodyNamedError(_NOBODY)
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
