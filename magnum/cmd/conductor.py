"""magnum-conductor: does the work, beside any number of others like it."""

import logging
from collections.abc import Sequence

from magnum.conf.settings import load_settings
from magnum.drivers.base import NodeAccess
from magnum.model.failures import Code, Fatal

from .conductor_assembly import make_conductor
from .programs import END_SECONDS, program, set_up_process, until_told_to_stop

LOG = logging.getLogger(__name__)


@program("magnum-conductor")
def main(arguments: Sequence[str]) -> int:
    settings = load_settings(arguments, program="magnum-conductor")
    set_up_process(settings)
    with until_told_to_stop() as stop:
        conductor = make_conductor(settings, node_listeners=NoListeners())
        conductor.start()
        LOG.info("The conductor %s is at work.", settings.default.host)
        stop.wait(settings.conductor.stop_timeout + END_SECONDS)
        LOG.info("Stopping.")
        conductor.stop(settings.conductor.stop_timeout)
    return 0


class NoListeners:
    """Nodes reach the service at its API; a process that serves nothing has no other place for them."""

    def access(self, cluster_uuid: str, address: str) -> NodeAccess:
        raise Fatal(
            Code.PROVIDER_REFUSED,
            f"The nodes of cluster {cluster_uuid} cannot reach this conductor at {address}: "
            "clusters on machines of the host need magnum-standalone.",
        )

    def close(self, cluster_uuid: str) -> None:
        """There is nothing to close."""
