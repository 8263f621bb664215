"""Events of a cluster, as its owner reads them, page by page."""

from magnum.db import events
from magnum.model.events import Event
from magnum.model.paging import Page

from .service import Service


def of_cluster(service: Service, cluster_uuid: str, page: Page) -> list[Event]:
    after = None if page.marker is None else int(page.marker)
    return service.database.read(
        lambda tx: events.of_cluster(tx, cluster_uuid, after=after, limit=page.limit, descending=page.descending)
    )
