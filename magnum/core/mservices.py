"""The service's own processes: which are known, and which of them are alive."""

from datetime import timedelta

from magnum.db import services
from magnum.model.clocks import to_datetime
from magnum.model.services import Service as Process

from .service import Service


def list_all(service: Service) -> list[tuple[Process, bool]]:
    """Give every process that ever reported, oldest first, with whether it is up."""
    now = to_datetime(service.clock.now())
    patience = timedelta(seconds=service.settings.default.service_down_time)

    def is_up(process: Process) -> bool:
        seen = process.last_seen_up or process.updated_at or process.created_at
        return not process.forced_down and seen is not None and abs(now - seen) <= patience

    return [(process, is_up(process)) for process in service.database.read(services.list_all)]
