"""Federations in requests and answers. What a new one may be: `core.federations.NewFederation`."""

from typing import Any

import msgspec

from magnum.api.patch import INTERNAL, Patchable
from magnum.model.federations import Federation

from .links import Link, moment, resource_links
from .reading import Access

NOUN = "a federation"
ACCESS = Access(
    read_only=frozenset({"links", "created_at", "updated_at"}),
    ignored=frozenset({"uuid", "status", "status_reason"}),
)


class FederationSummaryView(msgspec.Struct, frozen=True, kw_only=True):
    uuid: str
    name: str | None
    hostcluster_id: str | None
    member_ids: tuple[str, ...]
    properties: dict[str, str]
    status: str | None
    links: tuple[Link, ...]


class FederationView(FederationSummaryView, frozen=True, kw_only=True):
    status_reason: str | None
    created_at: str | None
    updated_at: str | None


def summary_view(federation: Federation, base: str) -> FederationSummaryView:
    return FederationSummaryView(**_shared(federation, base))


def full_view(federation: Federation, base: str) -> FederationView:
    return FederationView(
        **_shared(federation, base),
        status_reason=federation.status_reason,
        created_at=moment(federation.created_at),
        updated_at=moment(federation.updated_at),
    )


def patchable(federation: Federation, base: str) -> Patchable:
    """Every attribute that is shown can be named by a patch; which may differ afterwards is judged later."""
    values = msgspec.to_builtins(full_view(federation, base))
    values = {name: value for name, value in values.items() if name not in INTERNAL}
    return Patchable(values=values, maps=frozenset({"properties"}), lists=frozenset({"member_ids"}))


def _shared(federation: Federation, base: str) -> dict[str, Any]:
    names = ("uuid", "name", "hostcluster_id", "member_ids", "properties")
    return {name: getattr(federation, name) for name in names} | {
        "status": None if federation.status is None else str(federation.status),
        "links": resource_links(base, f"federations/{federation.uuid}"),
    }
