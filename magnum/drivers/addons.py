"""The steps by which any driver of Kubernetes brings add-ons to a cluster, and tells its owner how far they are.

Applying is not running: an image may have to be pulled first, or cannot be. So one step applies, and another looks for
as long as the driver says, and then tells; an add-on that does not come up fails no cluster.
"""

from collections.abc import Callable, Sequence

from magnum.addons.rendering import Addon, ClusterFacts, wanted
from magnum.coe.addons import Cluster, calls, pending, rollout
from magnum.drivers.base import DriverContext
from magnum.drivers.cluster_failures import told
from magnum.model.events import EventLevel
from magnum.model.failures import Code, Fatal
from magnum.model.outcomes import Done, Outcome, Wait

PAUSE = 1.0


class AddonSteps:
    """`connect` gives a client none of whose calls takes longer than `call_timeout` seconds."""

    def __init__(
        self,
        connect: Callable[[DriverContext], Cluster],
        describe: Callable[[DriverContext], ClusterFacts],
        *,
        call_timeout: float,
        patience: float,
    ) -> None:
        self._connect = connect
        self._describe = describe
        self._call_timeout = call_timeout
        self._patience = patience

    def bring(self, context: DriverContext) -> Outcome:
        """Apply what is wanted and has changed, and remove what is not wanted any more."""
        addons = self._addons(context)
        with told("bringing add-ons"):
            cluster = self._connect(context)
            for change in pending(cluster, addons):
                for what, call in calls(cluster, change, addons):
                    with context.provider_call(what, timeout=2 * self._call_timeout):  # it looks before it writes
                        call()
                context.event(f"{change.title} was {'applied' if change.objects else 'removed'}.")
        return Done()

    def tell(self, context: DriverContext) -> Outcome:
        """Wait for the add-ons to run, but not for ever, and tell how far each is."""
        addons = self._addons(context)
        with told("looking at add-ons"):
            cluster = self._connect(context)
            seen = [rollout(cluster, addon) for addon in addons]
        late = [one for one in seen if not one.complete]
        if late and context.operation.seconds_in_step(context.clock.now()) < self._patience:
            return Wait(PAUSE, " ".join(one.text for one in late))
        for one in seen:
            context.event(one.text, level=EventLevel.INFO if one.complete else EventLevel.WARNING)
        return Done()

    def _addons(self, context: DriverContext) -> Sequence[Addon]:
        try:
            return wanted(self._describe(context))
        except ValueError as error:
            raise Fatal(Code.COE_REFUSED, str(error)) from error
