"""Trusts that no cluster has: made for a request by an API process that then died.

The API writes down who gives a trust before it asks Keystone for one. Where such an entry has become neither a trust
that is known nor nothing within ten minutes, what this trustor has given us in that project is looked through, and what
no row of ours names is deleted. While the same trustor may just be giving another one, it is not the time to look.
"""

import logging
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from magnum.db import clusters, ledger
from magnum.db.engine import Database
from magnum.model.clocks import MICROSECONDS
from magnum.model.ledger import CloudResource
from magnum.model.trusts import TRUST, TrustName
from magnum.openstack.errors import CloudError
from magnum.openstack.trusts import end_trust, list_trusts

from .services import ConductorServices

if TYPE_CHECKING:
    from magnum.openstack.clouds import Clouds

LOG = logging.getLogger(__name__)
PATIENCE = 600
"""Seconds after which no request is under way any more."""
INTERVAL = 60.0
Giver = tuple[str, str | None]
"""A trustor and a project."""


class OrphanTrusts:
    def __init__(self, services: ConductorServices, clouds: "Clouds") -> None:
        self._database = services.database
        self._clouds = clouds

    def look(self) -> float:
        """Look once; any number of conductors may. Gives the seconds until the next time."""
        now, attempts = self._database.read(lambda tx: (Database.now(tx), ledger.attempts(tx, TRUST)))
        young = {_giver(row) for row in attempts if row.attempted_at > now - PATIENCE * MICROSECONDS}
        old = [row for row in attempts if _giver(row) not in young]
        if old:
            try:
                self._clear(old)
            except CloudError as error:
                LOG.warning("Trusts that no cluster has are looked for again later. %s", error)
        return INTERVAL

    def _clear(self, attempts: list[CloudResource]) -> None:
        own = self._clouds.own()
        ours = list_trusts(own.keystone(), trustee=own.identity().user_id or "")
        givers = {_giver(row) for row in attempts}
        found = {trust.id: giver for trust in ours if (giver := (trust.trustor_user_id, trust.project_id)) in givers}
        known = {row.id for row in attempts}

        def look(tx: Connection) -> tuple[set[str], set[Giver]]:
            """Whoever has begun to give one since is left alone: it may be among those that were found."""
            busy = {_giver(row) for row in ledger.attempts(tx, TRUST) if row.id not in known}
            return ledger.known(tx, TRUST, found) | clusters.with_trusts(tx, found), busy

        named, busy = self._database.read(look)
        for trust_id, giver in found.items():
            if trust_id not in named and giver not in busy:
                LOG.warning("The trust %s, which no cluster has, is deleted.", trust_id)
                end_trust(self._clouds, trust_id)
        done = [row.id for row in attempts if _giver(row) not in busy]
        self._database.write(lambda tx: ledger.discard(tx, *done))


def _giver(row: CloudResource) -> Giver:
    name = TrustName.parse(row.name)
    return name.trustor, name.project_id
