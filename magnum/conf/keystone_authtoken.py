"""[keystone_authtoken]: how tokens are checked. The options are keystonemiddleware's; here are those it has forgotten.

Guides of earlier releases set these alone. Where today's are not set, `openstack.credentials` makes them of these.
"""

from typing import Annotated

import msgspec

from .options import Option


class KeystoneAuthtoken(msgspec.Struct, frozen=True, kw_only=True):
    auth_uri: Annotated[str | None, Option("Older name of www_authenticate_uri.")] = None
    identity_uri: Annotated[str | None, Option("Older name of auth_url.")] = None
    admin_user: Annotated[str | None, Option("Older name of username, in the domain with the id default.")] = None
    admin_password: Annotated[str | None, Option("Older name of password.", secret=True)] = None
    admin_tenant_name: Annotated[
        str | None, Option("Older name of project_name, in the domain with the id default.")
    ] = None

    def __repr__(self) -> str:
        return "KeystoneAuthtoken(…)"
