"""How many clusters and nodes a project has, or all of them together."""

from magnum.db import stats
from magnum.model.requesters import EVERYTHING, Requester, Scope

from .errors import Forbidden
from .service import Service


def count(service: Service, requester: Requester, project_id: str | None) -> tuple[int, int]:
    """Give clusters and nodes: of the project; without one, of the requester's, or of the whole cloud to an admin."""
    if project_id is None:
        scope = EVERYTHING if requester.is_admin else Scope.own(requester)
    elif requester.is_admin or project_id == requester.project_id:
        scope = Scope(project_id=project_id)
    else:
        raise Forbidden("Only administrators see the numbers of other projects.")
    return service.database.read(lambda tx: stats.count(tx, scope))
