"""Whether the trusts of clusters are alive, looked at before somebody needs them.

A trust ends without a word when its owner leaves. Every hour each cluster's is asked for; of one that has ended an
event tells, once, who can give another. Any number of conductors may look. Clusters that are being deleted need none,
and those of earlier releases have trusts to others.
"""

import logging
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from magnum.db import clusters, events
from magnum.db.engine import Database
from magnum.model.events import Event, EventLevel
from magnum.model.trusts import TRUST_EVENT
from magnum.openstack.errors import CloudError
from magnum.openstack.trusts import is_alive

from .services import ConductorServices

if TYPE_CHECKING:
    from magnum.openstack.clouds import Clouds

LOG = logging.getLogger(__name__)
INTERVAL = 3600.0


class TrustChecks:
    def __init__(self, services: ConductorServices, clouds: "Clouds") -> None:
        self._database = services.database
        self._clouds = clouds

    def look(self) -> float:
        """Look once at all; gives the seconds until the next time."""
        for uuid, trust_id in self._database.read(clusters.trusts).items():
            try:
                if not is_alive(self._clouds, trust_id):
                    self._tell(uuid, trust_id)
            except CloudError as error:
                LOG.warning("The trusts of clusters are looked at again later. %s", error)
                break
        return INTERVAL

    def _tell(self, uuid: str, trust_id: str) -> None:
        text = (
            f"The trust {trust_id}, by which the cluster acts in the cloud, has ended: its owner was deleted, "
            "disabled, or has lost a role, or somebody has deleted it. Until a member of the project gives a new "
            f"one (openstack coe credential rotate {uuid}) the cluster can only be deleted."
        )

        def tell(tx: Connection) -> None:
            if events.newest_text(tx, uuid, TRUST_EVENT) != text:
                at, level = Database.now(tx), EventLevel.WARNING
                events.insert(tx, Event(cluster_uuid=uuid, at=at, kind=TRUST_EVENT, text=text, level=level))

        LOG.warning("The trust %s of the cluster %s has ended.", trust_id, uuid)
        self._database.write(tell)
