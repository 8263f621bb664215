"""What a cluster's own controllers have made in its owner's project, when the cluster is deleted.

Services of type LoadBalancer and ingresses have load balancers and floating addresses, claims have volumes. The ledger
names none of them, so they are found by what these controllers write into them (`marks`), with the cluster's own trust
and in its own project alone: nothing of another tenant's can be meant. Load balancers hang on the cluster's network, so
they go before its stacks; volumes hang on its servers, so they go after them, and only if that is asked for.

A deletion waits for them for a while, says what is still there, goes on with all the rest, and comes back to them in
the end. Whoever is not allowed to look, as by a trust that is gone, is told so, and not kept from deleting the cluster.
"""

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from magnum.drivers.base import DriverContext, Step
from magnum.model import label_registry
from magnum.model.events import EventLevel
from magnum.model.failures import Code, Retry
from magnum.model.operations import DeleteCluster
from magnum.model.outcomes import Done, Outcome, Wait
from magnum.openstack.clouds import CALL_SECONDS, Cloud, Clouds
from magnum.openstack.errors import CloudError, NotAllowed, NotThere, Refused
from magnum.openstack.floating_addresses import delete_floating_address, list_floating_addresses
from magnum.openstack.load_balancers import delete_load_balancer, list_load_balancers
from magnum.openstack.volumes import delete_volume, list_volumes

from .marks import Marks

LABEL = "delete_volumes"
LONGEST_CALL = 2 * CALL_SECONDS
"""To be connected and to be answered may take `CALL_SECONDS` each."""
_PAUSE = 2.0
_MOST_NAMED = 5


class Leftover(msgspec.Struct, frozen=True):
    """Something that is to go: what it is called, how it is, and how its end is begun, where it can be begun now."""

    what: str
    state: str
    begin: Callable[[], None] | None


class Wanted(msgspec.Struct, frozen=True):
    """Whose leftovers are looked for."""

    project: str
    marks: Marks


Look = Callable[[Cloud, Wanted], Sequence[Leftover]]


def find_balancers(cloud: Cloud, wanted: Wanted) -> Sequence[Leftover]:
    """Give addresses first: when a load balancer is gone nothing tells which address was its own. Raises CloudError."""
    octavia, neutron = cloud.octavia(), cloud.neutron()
    if not octavia.is_there:
        return ()
    balancers = [one for one in list_load_balancers(octavia, wanted.project) if wanted.marks.are_on_balancer(one)]
    ports = {one.vip_port_id for one in balancers}
    found = [
        Leftover(f"the floating address {one.address}", "bound", partial(delete_floating_address, neutron, one.id))
        for one in list_floating_addresses(neutron, wanted.project)
        if wanted.marks.are_on_address(one, ports)
    ]
    for one in balancers:
        begin = partial(delete_load_balancer, octavia, one.id) if one.is_settled else None
        found.append(Leftover(f"the load balancer {one.name or one.id}", one.status, begin))
    return found


def find_volumes(cloud: Cloud, wanted: Wanted) -> Sequence[Leftover]:
    """Raises CloudError."""
    cinder = cloud.cinder()
    if not cinder.is_there:
        return ()
    return [
        Leftover(
            f"the volume {one.name or one.id} of {one.size} GB",
            one.status,
            partial(delete_volume, cinder, one.id) if one.is_free else None,
        )
        for one in list_volumes(cinder, wanted.project)
        if wanted.marks.are_on_volume(one)
    ]


class Leftovers:
    """Gives the steps of a deletion. `patience` is how many seconds each kind may hold up the rest of it."""

    def __init__(self, clouds: Clouds, *, patience: float) -> None:
        self._clouds = clouds
        self._patience = patience

    def before_stacks(self) -> tuple[Step, ...]:
        return (Step("load balancers of services", lambda context: self._try_to_remove(context, find_balancers)),)

    def after_stacks(self) -> tuple[Step, ...]:
        """Give those that come when all servers are gone, and before the trust goes."""
        return (Step("volumes of pods", self._remove_or_name_volumes), Step("what remains", self._remove_the_rest))

    def _remove_or_name_volumes(self, context: DriverContext) -> Outcome:
        if is_asked_for(context):
            return self._try_to_remove(context, find_volumes)
        try:
            kept = [one.what for one in self._see(context, find_volumes)]
        except CloudError as failure:
            context.event(f"Whether pods have left volumes cannot be seen. {failure}", level=EventLevel.WARNING)
            return Done()
        if kept:
            context.event(f"What pods have stored is kept: {_listed(kept)}. Delete it when nobody needs it any more.")
        return Done()

    def _remove_the_rest(self, context: DriverContext) -> Outcome:
        """Come back to what held out, for as long as it takes: the owner reads what it is."""
        for look in (find_balancers, find_volumes) if is_asked_for(context) else (find_balancers,):
            try:
                remaining = self._remove(context, look)
            except NotAllowed:
                continue  # which has been told
            except CloudError as failure:
                raise Retry(Code.PROVIDER_UNREACHABLE, str(failure)) from None
            if remaining:
                raise Retry(Code.PROVIDER_BUSY, f"All else of the cluster is gone, but there is still {remaining}.")
        return Done()

    def _try_to_remove(self, context: DriverContext, look: Look) -> Outcome:
        try:
            remaining = self._remove(context, look)
        except NotAllowed as refusal:
            text = f"What the cluster's own controllers have made cannot be looked for, and may remain. {refusal}"
            context.event(text, level=EventLevel.WARNING)
            return Done()
        except CloudError as failure:
            remaining = f"perhaps something that cannot be seen: {failure}"
        if not remaining:
            return Done()
        if context.operation.seconds_in_step(context.clock.now()) < self._patience:
            return Wait(_PAUSE, f"There is still {remaining}")
        context.event(f"The deletion goes on, although there is still {remaining}", level=EventLevel.WARNING)
        return Done()

    def _remove(self, context: DriverContext, look: Look) -> str:
        """Begin the end of all that is there; give what is not gone, for a sentence. Raises CloudError."""
        return _listed([f"{one.what} ({_begin(context, one)})" for one in self._see(context, look)])

    def _see(self, context: DriverContext, look: Look) -> Sequence[Leftover]:
        """Look with the cluster's trust. Where there never was one, nothing was ever made with it."""
        trust, project = context.cluster.trust_id, context.cluster.project_id
        if trust is None or project is None:
            return ()
        return look(self._clouds.trusted(trust), Wanted(project, Marks(context.cluster.uuid)))


def is_asked_for(context: DriverContext) -> bool:
    """Say whether volumes are to go too: by the request to delete, or by a label."""
    asked = context.operation.arguments
    if isinstance(asked, DeleteCluster) and asked.volumes:
        return True
    try:
        return bool(label_registry.read(context.cluster.labels, LABEL, "false"))
    except ValueError:  # of an adopted row: what is not a clear yes keeps them
        return False


def _begin(context: DriverContext, leftover: Leftover) -> str:
    """Begin its end if that can be done, and give how it is then. Raises NotAllowed, or Unanswered."""
    if leftover.begin is not None:
        try:
            with context.provider_call(f"delete {leftover.what}", timeout=LONGEST_CALL):
                leftover.begin()
        except Refused as refusal:
            return str(refusal)
        except NotThere:
            return "it has just gone"
    return leftover.state


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
