"""Keystone's trusts, as whoever asks may see, make and delete them.

A service trust lets our own user act as the trustor, in one project, with the roles that it names, and lets Heat make
one trust of its own from it. The trustor alone deletes it, which we are by the trust itself.
"""

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from .errors import NotThere, TrustEnded

if TYPE_CHECKING:
    from .calls import CloudService  # its library is loaded only where there is a Keystone
    from .clouds import Clouds

_PATH = "/OS-TRUST/trusts"
REDELEGATIONS = 1


class Trust(msgspec.Struct, frozen=True):
    """What we need of Keystone's answer. `redelegated_trust_id` is the trust that it was made from."""

    id: str
    trustor_user_id: str
    trustee_user_id: str
    project_id: str | None = None
    redelegated_trust_id: str | None = None


def make_trust(
    keystone: "CloudService",
    *,
    trustor: str,
    trustee: str,
    project_id: str,
    roles: Iterable[str],
    redelegations: int = REDELEGATIONS,
) -> Trust:
    """Make it as the trustor. `roles` are names. Raises CloudError."""
    more = {"allow_redelegation": True, "redelegation_count": redelegations} if redelegations else {}
    asked = {
        "trustor_user_id": trustor,
        "trustee_user_id": trustee,
        "project_id": project_id,
        "impersonation": True,
        "roles": [{"name": role} for role in roles],
    }
    return msgspec.convert(keystone.post(_PATH, {"trust": asked | more})["trust"], Trust)


def find_trust(keystone: "CloudService", *, trustor: str, trustee: str, made_from: str | None) -> Trust | None:
    """Find what this trustor, who asks, has given to somebody by one of the own trusts. Raises CloudError."""
    given = msgspec.convert(keystone.get(_PATH, params={"trustor_user_id": trustor})["trusts"], list[Trust])
    return next((t for t in given if (t.trustee_user_id, t.redelegated_trust_id) == (trustee, made_from)), None)


def list_trusts(keystone: "CloudService", *, trustee: str) -> list[Trust]:
    """Give what this user, who asks, may act by. Raises CloudError."""
    return msgspec.convert(keystone.get(_PATH, params={"trustee_user_id": trustee})["trusts"], list[Trust])


def is_alive(clouds: "Clouds", trust_id: str) -> bool:
    """Say whether Keystone still lets us act by it: it is asked. Raises CloudError when it cannot tell."""
    try:
        clouds.trusted(trust_id).keystone().get(f"{_PATH}/{trust_id}")
    except (TrustEnded, NotThere):
        return False
    return True


def is_redelegated(clouds: "Clouds", trust_id: str) -> bool:
    """Say whether somebody has made a trust of this one, which ends with it: Heat. Raises CloudError."""
    try:
        trustor = clouds.trusted(trust_id)
        given = trustor.keystone().get(_PATH, params={"trustor_user_id": trustor.identity().user_id})["trusts"]
    except TrustEnded:
        return False
    return any(trust.redelegated_trust_id == trust_id for trust in msgspec.convert(given, list[Trust]))


def delete_trust(keystone: "CloudService", trust_id: str) -> None:
    """Delete it as its trustor; fine if it is gone. Raises CloudError."""
    with contextlib.suppress(NotThere):
        keystone.delete(f"{_PATH}/{trust_id}")


def end_trust(clouds: "Clouds", trust_id: str) -> bool:
    """Delete a trust to us by itself. False if it cannot be used any more: then it is gone, or opens nothing.

    Raises CloudError when it may still be there.
    """
    try:
        delete_trust(clouds.trusted(trust_id).keystone(), trust_id)
    except TrustEnded:
        return False
    finally:
        clouds.forget(trust_id)
    return True
