"""Requests to sign. A conductor that takes some leases them for a few seconds, so that two do not sign the same.

If one dies on the way the lease lapses and another signs; a late answer to a request that has one already is dropped.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy import delete as sql_delete

from magnum.model.clocks import MICROSECONDS
from magnum.model.signing import CaType, NodeLimits, SignRequest, SignState

from . import rows
from .errors import NotFound
from .instants import now
from .tables import sign_request as table

RESOURCE = "Signing request"
LEASE_SECONDS = 3.0
_READ = select(*rows.columns_of(SignRequest, table))


def insert(tx: Connection, new: SignRequest) -> None:
    limits = None if new.limits is None else msgspec.json.encode(new.limits).decode()
    values = rows.values(table, msgspec.structs.asdict(new) | {"limits": limits, "lease_until": 0})
    rows.insert(tx, table, values, resource=RESOURCE, ident=new.uuid)


def get(tx: Connection, uuid: str) -> SignRequest:
    row = tx.execute(_READ.where(table.c.uuid == uuid)).mappings().one_or_none()
    if row is None:
        raise NotFound(RESOURCE, uuid)
    return _build(row)


def waiting(tx: Connection, limit: int) -> list[SignRequest]:
    """Take up to `limit` unanswered requests, oldest first; they are leased to the caller once committed."""
    at = now(tx)
    query = (
        _READ.where(table.c.state == SignState.WAITING.value, table.c.lease_until < at, table.c.expires_at > at)
        .order_by(table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = [_build(row) for row in tx.execute(query).mappings()]
    if taken:
        leased = table.update().where(table.c.uuid.in_([request.uuid for request in taken]))
        tx.execute(leased.values(lease_until=at + int(LEASE_SECONDS * MICROSECONDS)))
    return taken


def answer(tx: Connection, uuid: str, *, pem: str | None = None, error: str | None = None) -> bool:
    """Write the certificate or the refusal; False when nobody waits for it any more."""
    if (pem is None) == (error is None):
        raise ValueError("a signing request is answered with a certificate or with an error")
    state = SignState.SIGNED if error is None else SignState.REFUSED
    unanswered = table.update().where(table.c.uuid == uuid, table.c.state == SignState.WAITING.value)
    return tx.execute(unanswered, rows.values(table, {"state": state, "pem": pem, "error": error})).rowcount == 1


def delete(tx: Connection, uuid: str) -> None:
    """Delete a request whose answer has been read, or is no longer waited for."""
    tx.execute(sql_delete(table).where(table.c.uuid == uuid))


def delete_expired(tx: Connection) -> int:
    return tx.execute(sql_delete(table).where(table.c.expires_at <= now(tx))).rowcount


def _build(row: Mapping[Any, Any]) -> SignRequest:
    limits = None if row["limits"] is None else msgspec.json.decode(str(row["limits"]), type=NodeLimits)
    return rows.build(
        SignRequest, row, limits=limits, ca_type=CaType(str(row["ca_type"])), state=SignState(str(row["state"]))
    )
