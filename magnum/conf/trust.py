"""[trust]: the users that clusters have of their own in Keystone, and what is delegated to them."""

from typing import Annotated

import msgspec

from .options import Option


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    cluster_user_trust: Annotated[
        bool,
        Option("Hand the trust to the cluster: for Cinder volumes, the registry and use of the cloud."),
    ] = False
    trustee_domain_id: Annotated[str | None, Option("Id of the domain of clusters' users.")] = None
    trustee_domain_name: Annotated[str | None, Option("Name of the domain of clusters' users.")] = None
    trustee_domain_admin_id: Annotated[str | None, Option("Id of the user that manages that domain.")] = None
    trustee_domain_admin_name: Annotated[str | None, Option("Name of the user that manages that domain.")] = None
    trustee_domain_admin_domain_id: Annotated[
        str | None, Option("Id of that user's own domain, if it is another one.")
    ] = None
    trustee_domain_admin_domain_name: Annotated[
        str | None, Option("Name of that user's own domain, if it is another one.")
    ] = None
    trustee_domain_admin_password: Annotated[str | None, Option("That user's password.", secret=True)] = None
    roles: Annotated[tuple[str, ...], Option("Roles that are delegated. Empty: all roles of the creator.")] = ()
    trustee_keystone_interface: Annotated[str, Option("Interface of Keystone that nodes use.")] = "public"
    trustee_keystone_region_name: Annotated[str | None, Option("Region of Keystone that nodes use.")] = None

    def __repr__(self) -> str:
        return "Trust(…)"
