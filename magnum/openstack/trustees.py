"""Users that clusters have of their own in Keystone, in a domain that is there for nothing else.

Asked as whoever manages that domain. A name exists there once, so whoever comes second finds the first one's user.
"""

from typing import TYPE_CHECKING

import msgspec

from .errors import NotAllowed, NotThere, Unanswered

if TYPE_CHECKING:
    from .calls import CloudService  # its library is loaded only where there is a Keystone
    from .clouds import Cloud

_PATH = "/users"


class User(msgspec.Struct, frozen=True):
    id: str
    name: str


def find_user(keystone: "CloudService", name: str, *, domain_id: str) -> User | None:
    """Raises CloudError."""
    found = msgspec.convert(keystone.get(_PATH, params={"name": name, "domain_id": domain_id})["users"], list[User])
    return next((user for user in found if user.name == name), None)


def make_user(keystone: "CloudService", name: str, password: str, *, domain_id: str) -> User:
    """Raises CloudError, and Refused with 409 when there is one of this name."""
    asked = {"name": name, "password": password, "domain_id": domain_id, "description": "A cluster of Magnum."}
    return msgspec.convert(keystone.post(_PATH, {"user": asked})["user"], User)


def delete_user(keystone: "CloudService", user: User, *, domain_id: str) -> None:
    """Delete it, and with it the trusts to it; fine if it is gone. Raises CloudError."""
    try:
        keystone.delete(f"{_PATH}/{user.id}")
    except NotThere:
        pass
    except NotAllowed:  # what Keystone tells the manager of a domain of a user that is in none
        if find_user(keystone, user.name, domain_id=domain_id) is not None:
            raise


def keystone_of_nodes(cloud: "Cloud", *, interface: str, region: str | None) -> str:
    """Give the address at which nodes reach Keystone, out of the catalogue. Raises CloudError."""
    found = cloud.identity().service_catalog.get_urls("identity", interface=interface, region_name=region)
    if not found:
        where = f" of the region {region}" if region else ""
        raise Unanswered(f"Keystone's catalogue has no {interface} endpoint of its own{where}.")
    return f"{str(found[0]).rstrip('/').removesuffix('/v3')}/v3"
