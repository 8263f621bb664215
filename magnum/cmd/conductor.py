"""magnum-conductor: does the work, beside any number of others like it."""

import logging
from collections.abc import Sequence

from magnum.conf.settings import Settings, load_settings
from magnum.drivers.base import NodeAccess

from .assembly import make_conductor
from .programs import program, set_up_process, until_told_to_stop

LOG = logging.getLogger(__name__)


@program("magnum-conductor")
def main(arguments: Sequence[str]) -> int:
    settings = load_settings(arguments, program="magnum-conductor")
    set_up_process(settings)
    with until_told_to_stop() as stop:
        conductor = make_conductor(settings, node_access=lambda *_: _api_of(settings))
        conductor.start()
        LOG.info("The conductor %s is at work.", settings.default.host)
        stop.wait()
        LOG.info("Stopping.")
        conductor.stop(settings.conductor.stop_timeout)
    return 0


def _api_of(settings: Settings) -> NodeAccess:
    """Nodes reach the same API as everybody else."""
    scheme = "https" if settings.api.enabled_ssl else "http"
    return NodeAccess(url=f"{scheme}://{settings.api.host}:{settings.api.port}/v1")
