"""Quotas in requests and answers. What a new one may be: `core.quotas.NewQuota`."""

import msgspec
from msgspec import UNSET, UnsetType

from magnum.model.quotas import Quota

from .links import moment
from .reading import Access

NOUN = "a quota"
ACCESS = Access(read_only=frozenset({"created_at", "updated_at"}), ignored=frozenset({"id"}))


class QuotaView(msgspec.Struct, frozen=True, kw_only=True):
    """A default, which is not stored, has no id and no dates."""

    id: int | UnsetType = UNSET
    project_id: str
    resource: str
    hard_limit: int
    created_at: str | UnsetType | None = UNSET
    updated_at: str | UnsetType | None = UNSET


def view(quota: Quota) -> QuotaView:
    plain = QuotaView(project_id=quota.project_id, resource=quota.resource, hard_limit=quota.hard_limit)
    if quota.id is None:
        return plain
    return msgspec.structs.replace(
        plain, id=quota.id, created_at=moment(quota.created_at), updated_at=moment(quota.updated_at)
    )
