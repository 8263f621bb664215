"""Federations: on record, and nothing more. No driver joins clusters, and a federation says so of itself.

What is asked for is checked, stored, shown and can be removed. Its status is failed from the beginning, with the
reason, so nobody waits for what will not come.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, federations
from magnum.model.federations import DNS_ZONE, Federation
from magnum.model.names import new_uuid, random_name
from magnum.model.paging import Page
from magnum.model.requesters import Requester, Scope
from magnum.model.statuses import Status

from . import fields
from .errors import Conflict, InvalidRequest, NotFound
from .service import Service

_REASON = "The federation is on record, but no driver of this service joins clusters: nothing was done to them."


class NewFederation(msgspec.Struct, frozen=True, kw_only=True):
    """What a requester says of a new federation. Clusters may be named by name."""

    hostcluster_id: fields.Text
    properties: fields.Labels
    name: fields.ClusterName | None = None
    member_ids: fields.Members = ()


class FederationChange(msgspec.Struct, frozen=True, kw_only=True):
    """All that a patch can change of a federation."""

    member_ids: fields.Members = ()
    properties: fields.Labels = {}


Guard = Callable[[Federation], None]
"""Refuses, by the federation as it is under its lock, what was asked for by one that has changed since."""


def list_page(service: Service, scope: Scope, page: Page) -> list[Federation]:
    return service.database.read(lambda tx: federations.list_page(tx, scope, page))


def get(service: Service, ident: str, scope: Scope) -> Federation:
    return service.database.read(lambda tx: federations.get(tx, ident, scope))


def create(service: Service, requester: Requester, new: NewFederation) -> str:
    """Store it; gives its UUID."""
    _check_properties(new.properties)
    uuid, scope = new_uuid(service.randomness), Scope.own(requester)
    name = new.name or random_name("federation", service.randomness)

    def run(tx: Connection) -> None:
        [host] = _clusters(tx, scope, [new.hostcluster_id])
        federation = Federation(
            uuid=uuid,
            name=name,
            project_id=requester.project_id,
            hostcluster_id=host,
            member_ids=tuple(_clusters(tx, scope, new.member_ids)),
            properties=new.properties,
            status=Status.CREATE_FAILED,
            status_reason=_REASON,
        )
        federations.insert(tx, federation)

    service.database.write(run)
    return uuid


def update(
    service: Service, requester: Requester, uuid: str, changes: Mapping[str, Any], *, guard: Guard | None = None
) -> None:
    scope = Scope.own(requester)
    if "properties" in changes:
        _check_properties(changes["properties"])

    def run(tx: Connection) -> None:
        _lock(tx, uuid, scope, guard)
        columns = dict(changes)
        if "member_ids" in columns:
            columns["member_ids"] = _clusters(tx, scope, columns["member_ids"])
        federations.update(tx, uuid, **columns, status=Status.UPDATE_FAILED, status_reason=_REASON)

    service.database.write(run)


def join(service: Service, requester: Requester, uuid: str, member: str, *, guard: Guard | None = None) -> None:
    """Add one cluster to the members."""
    scope = Scope.own(requester)

    def run(tx: Connection) -> None:
        federation = _lock(tx, uuid, scope, guard)
        [cluster] = _clusters(tx, scope, [member])
        if cluster in federation.member_ids:
            raise Conflict(f"The cluster {cluster} is a member of the federation {uuid} already.")
        members = (*federation.member_ids, cluster)
        federations.update(tx, uuid, member_ids=members, status=Status.UPDATE_FAILED, status_reason=_REASON)

    service.database.write(run)


def leave(service: Service, requester: Requester, uuid: str, member: str, *, guard: Guard | None = None) -> None:
    """Take one cluster off the members; it may be gone by now."""
    scope = Scope.own(requester)

    def run(tx: Connection) -> None:
        federation = _lock(tx, uuid, scope, guard)
        if member not in federation.member_ids:
            raise NotFound(f"The cluster {member} is no member of the federation {uuid}.")
        members = [other for other in federation.member_ids if other != member]
        federations.update(tx, uuid, member_ids=members, status=Status.UPDATE_FAILED, status_reason=_REASON)

    service.database.write(run)


def delete(service: Service, requester: Requester, uuid: str, *, guard: Guard | None = None) -> None:
    scope = Scope.own(requester)

    def run(tx: Connection) -> None:
        _lock(tx, uuid, scope, guard)
        federations.delete(tx, uuid)

    service.database.write(run)


def _lock(tx: Connection, uuid: str, scope: Scope, guard: Guard | None) -> Federation:
    federation = federations.get(tx, uuid, scope, lock=True)
    if guard is not None:
        guard(federation)
    return federation


def _clusters(tx: Connection, scope: Scope, idents: Iterable[str]) -> list[str]:
    """Give the clusters' UUIDs, each once; one that is not there is not found."""
    return list(dict.fromkeys(clusters.get(tx, ident, scope).cluster.uuid for ident in idents))


def _check_properties(properties: Mapping[str, str]) -> None:
    if not properties.get(DNS_ZONE):
        raise InvalidRequest(f"properties must have the key {DNS_ZONE}.")
