"""The steps by which any driver of Kubernetes brings add-ons to a cluster, and tells its owner how far they are.

Applying is not running: an image may have to be pulled first, or cannot be. So one step applies, and another looks for
as long as the driver says, and then tells; an add-on that does not come up fails no cluster.

The network of pods is another matter: without it no node is ever ready. So it is applied before nodes are waited for,
and where its images cannot be had that wait ends soon, with the reason, and not with the operation's deadline.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from magnum.addons.rendering import Addon, ClusterFacts, wanted
from magnum.coe import addons as bringing
from magnum.coe import pod_troubles
from magnum.coe.addons import Change, calls, pending, restarts, rollout
from magnum.coe.kubernetes_values import ObjectName
from magnum.coe.pod_troubles import sentence, troubles
from magnum.drivers.base import DriverContext
from magnum.drivers.cluster_failures import told
from magnum.model.events import EventLevel
from magnum.model.failures import Code, Fatal
from magnum.model.outcomes import Done, Outcome, Wait

PAUSE = 1.0
Run = Callable[[DriverContext], Outcome]
"""What a step runs."""


class Cluster(bringing.Cluster, pod_troubles.Cluster, Protocol):
    """As much of `KubernetesClient` as these steps use."""

    def delete(self, name: ObjectName, *, grace_seconds: int | None = None) -> None: ...


class AddonSteps:
    """`connect` gives a client none of whose calls takes longer than `call_timeout` seconds.

    `patience` is how many seconds add-ons are waited for; `network_patience`, how many the network of pods may fail to
    get its images; `no_image` says what can be done about that.
    """

    def __init__(
        self,
        connect: Callable[[DriverContext], Cluster],
        describe: Callable[[DriverContext], ClusterFacts],
        *,
        call_timeout: float,
        patience: float,
        network_patience: float,
        no_image: str,
    ) -> None:
        self._connect = connect
        self._describe = describe
        self._call_timeout = call_timeout
        self._patience = patience
        self._network_patience = network_patience
        self._no_image = no_image

    def bring(self, context: DriverContext) -> Outcome:
        """Apply what is wanted and has changed, and remove what is not wanted any more."""
        addons = self._addons(context)
        with told("bringing add-ons"):
            cluster = self._connect(context)
            for change in pending(cluster, addons):
                self._make(context, cluster, change, addons)
        return Done()

    def bring_network(self, context: DriverContext) -> Outcome:
        """Apply the network of pods and what lets it in, and have its images asked for at once if they wait."""
        addons = self._addons(context)
        networks = {addon.name: addon for addon in addons if addon.before_nodes}
        with told("bringing the network of pods"):
            cluster = self._connect(context)
            for change in pending(cluster, addons) if networks else ():
                if change.name in networks:
                    self._make(context, cluster, change, addons)
            for trouble in (found for addon in networks.values() for found in troubles(cluster, addon)):
                if trouble.lacks_image:
                    pod = ObjectName("v1", "Pod", trouble.pod.name, trouble.pod.namespace)
                    with context.provider_call(f"make {pod} anew", timeout=2 * self._call_timeout):
                        cluster.delete(pod, grace_seconds=0)
        return Done()

    def networked(self, ready: Run) -> Run:
        """Give the step that waits for nodes, so that it tells what keeps the network from coming, and gives up."""

        def step(context: DriverContext) -> Outcome:
            outcome = ready(context)
            return self._explained(context, outcome) if isinstance(outcome, Wait) else outcome

        return step

    def restart(self, context: DriverContext) -> Outcome:
        """Replace the pods of add-ons, once in an operation: what they read at their start has changed."""
        addons = self._addons(context)
        with told("restarting add-ons"):
            for what, call in restarts(self._connect(context), addons, context.operation.origin):
                with context.provider_call(what, timeout=2 * self._call_timeout):
                    call()
        return Done()

    def tell(self, context: DriverContext) -> Outcome:
        """Wait for the add-ons to run, but not for ever, and tell how far each is and what keeps it."""
        addons = self._addons(context)
        with told("looking at add-ons"):
            cluster = self._connect(context)
            seen = [(addon, rollout(cluster, addon)) for addon in addons]
            late = [one.text for _, one in seen if not one.complete]
            if late and context.operation.seconds_in_step(context.clock.now()) < self._patience:
                return Wait(PAUSE, " ".join(late))
            for addon, one in seen:
                found = () if one.complete else troubles(cluster, addon)
                text = f"{one.text} {sentence(found)}." if found else one.text
                context.event(text, level=EventLevel.INFO if one.complete else EventLevel.WARNING)
        return Done()

    def _make(self, context: DriverContext, cluster: Cluster, change: Change, addons: Sequence[Addon]) -> None:
        for what, call in calls(cluster, change, addons):
            with context.provider_call(what, timeout=2 * self._call_timeout):  # it looks before it writes
                call()
        context.event(f"{change.title} was {'applied' if change.objects else 'removed'}.")

    def _explained(self, context: DriverContext, waiting: Wait) -> Outcome:
        networks = [addon for addon in self._addons(context) if addon.before_nodes]
        with told("looking at the network of pods"):
            cluster = self._connect(context) if networks else None
            found = {addon.title: troubles(cluster, addon) for addon in networks if cluster}
        for title, some in found.items():
            lacking = [trouble for trouble in some if trouble.lacks_image]
            if lacking and context.operation.seconds_in_step(context.clock.now()) >= self._network_patience:
                raise Fatal(
                    Code.COE_REFUSED,
                    f"The network of pods, {title}, has no image, so no node becomes ready: {sentence(lacking)}. "
                    f"{self._no_image}",
                )
        reasons = "".join(f"; {title}: {sentence(some)}" for title, some in found.items() if some)
        return Wait(max(waiting.seconds, PAUSE) if networks else waiting.seconds, f"{waiting.reason}{reasons}")

    def _addons(self, context: DriverContext) -> Sequence[Addon]:
        try:
            return wanted(self._describe(context))
        except ValueError as error:
            raise Fatal(Code.COE_REFUSED, str(error)) from error
