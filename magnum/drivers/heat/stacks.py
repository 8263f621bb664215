"""Bringing a cluster's stacks to what they are to be, and to nothing; what a driver's steps are made of.

A stack is found by its name, which follows from the rows, and proven by its parameter `cluster_uuid`. It carries which
operation asked for it, and a digest of what was asked for: so whoever looks knows whether it is there already, whether
a failure is the operation's own, or whether Heat has still to be asked. Heat is always sent the whole stack.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from magnum.drivers.base import DriverContext
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.ledger import CloudResource, ResourceState
from magnum.model.outcomes import Done, Outcome, Wait
from magnum.openstack.errors import CloudError, NotAllowed, NotThere, Refused, TrustEnded
from magnum.openstack.heat import Heat, Stack, StackDetails

from . import failures
from .desired import Desired, UserData
from .seen import Seen, seen
from .watch import StackWatch

if TYPE_CHECKING:
    from magnum.openstack.clouds import Clouds  # its library is loaded only where there is a Keystone

STACK = "stack"
CALL_LIMIT = 120.0
"""Seconds that a call ends within: a token, the catalogue and the call itself have 30 each."""
BUSY = frozenset({409, 429})


class Stacks:
    """One object serves all clusters, and remembers nothing of any."""

    def __init__(self, clouds: "Clouds", watch: StackWatch) -> None:
        self._clouds = clouds
        self._watch = watch

    def converge(
        self, context: DriverContext, desired: Desired, user_data: Callable[[], Mapping[str, UserData]]
    ) -> Outcome:
        """Bring a stack to what it is to be; `Done` when it is that, and complete.

        `user_data` is called only when Heat is going to be asked: its tokens are made for nothing otherwise.
        """
        heat, row = self._heat(context), context.attempt(STACK, desired.name)
        with told():
            line = self._watch.look(_project(context), desired.name, lambda: heat) or heat.find(desired.name)
            if line is None:
                _check_not_gone(context, row)
                with context.provider_call(f"create stack {desired.name}", timeout=CALL_LIMIT), told():
                    identity = heat.create(desired.request(user_data()))
                context.confirm(row, identity)
                return self._told_to(context, Stack(identity, desired.name, "CREATE_IN_PROGRESS"))
            if line.in_progress or (details := heat.show(line, outputs=False)) is None or details.stack.in_progress:
                return self._waiting(line)
            _check_ours(context, details)
            if row.state is not ResourceState.PRESENT:
                context.confirm(row, line.id)
            if _asked_by(details) == (desired.operation, desired.content):
                if details.stack.complete:
                    return Done()
                resources = heat.resources(line)
                if not failures.was_called_off(details.stack, resources):
                    raise failures.failure(details.stack, resources)
            with context.provider_call(f"update stack {desired.name}", timeout=CALL_LIMIT), told():
                heat.update(line, desired.request(user_data()))
            return self._told_to(context, Stack(line.id, line.name, "UPDATE_IN_PROGRESS"))

    def see(self, context: DriverContext, name: str) -> Seen | None:
        """Read a stack with all it says. Two calls; not for waiting."""
        heat = self._heat(context)
        with told():
            details = self._find(context, heat, name)
            return None if details is None else seen(details)

    def failed_nodes(self, context: DriverContext, name: str) -> tuple[frozenset[int], frozenset[int]]:
        """Give the numbers of masters and of workers whose servers, or whose set-up, failed.

        Such a node gets a new server by being left out and put in again.
        """
        heat = self._heat(context)
        with told():
            line = heat.find(name)
            return failures.failed_nodes(heat.resources(line)) if line else (frozenset(), frozenset())

    def delete(self, context: DriverContext) -> Outcome:
        """Delete every stack on the ledger; that of the cluster last, for the others live in its network."""
        rows = [row for row in context.resources(STACK) if row.state is not ResourceState.GONE]
        for several in (rows[1:], rows[:1]):
            outcomes = [self._delete(context, row) for row in several]
            waiting = [outcome for outcome in outcomes if isinstance(outcome, Wait)]
            if waiting:
                return Wait(waiting[0].seconds, "; ".join(outcome.reason for outcome in waiting))
        return Done()

    def delete_one(self, context: DriverContext, name: str) -> Outcome:
        """Delete the stack of a node group."""
        rows = [row for row in context.resources(STACK) if row.name == name and row.state is not ResourceState.GONE]
        return next((self._delete(context, row) for row in rows), Done())

    def linger(self, context: DriverContext) -> Sequence[CloudResource]:
        """Look for every name that the ledger ever held."""
        heat = self._deleting(context)
        with told():
            return [row for row in context.resources(STACK) if self._find(context, heat, row.name) is not None]

    def _delete(self, context: DriverContext, row: CloudResource) -> Outcome:
        heat = self._deleting(context)
        with told():
            line = self._watch.look(_project(context), row.name, lambda: heat)
            if line is not None and line.status == "DELETE_IN_PROGRESS":
                return self._waiting(line)
            details = self._find(context, heat, row.name)
            if details is None:
                context.gone(row)
                return Done()
            if details.stack.status != "DELETE_IN_PROGRESS":
                failed = details.stack.status == "DELETE_FAILED"
                reason = failures.failure(details.stack, heat.resources(details.stack)) if failed else None
                with context.provider_call(f"delete stack {row.name}", timeout=CALL_LIMIT), told():
                    heat.delete(details.stack)
                if reason is not None:
                    raise Retry(Code.PROVIDER_REFUSED, f"{reason.text} Its deletion has been asked for again.")
                return self._told_to(context, Stack(details.stack.id, row.name, "DELETE_IN_PROGRESS"))
            return self._waiting(details.stack)

    def _find(self, context: DriverContext, heat: Heat, name: str) -> StackDetails | None:
        """Find a stack of this cluster; one of the same name that is somebody else's is not there."""
        line = heat.find(name)
        details = None if line is None else heat.show(line)
        return details if details is not None and _is_ours(context, details) else None

    def _heat(self, context: DriverContext) -> Heat:
        return Heat(self._clouds.trusted(str(context.cluster.trust_id)).heat())

    def _deleting(self, context: DriverContext) -> Heat:
        """What is on the ledger can be deleted even when the trust has ended."""
        return Heat(self._clouds.deleting(context.cluster.trust_id, _project(context)).heat())

    def _told_to(self, context: DriverContext, stack: Stack) -> Wait:
        self._watch.changed(_project(context), stack)
        return self._waiting(stack)

    def _waiting(self, stack: Stack) -> Wait:
        return Wait(self._watch.interval, f"waiting for Heat: the stack {stack.name} is {stack.status}")


@contextmanager
def told() -> Iterator[None]:
    """Tell failures of calls to the cloud as the contract of drivers has them."""
    try:
        yield
    except TrustEnded as error:
        raise Fatal(Code.CREDENTIAL_EXPIRED, str(error)) from error
    except NotAllowed as error:
        raise Fatal(Code.PROVIDER_REFUSED, str(error)) from error
    except Refused as error:
        if error.status in BUSY:
            raise Retry(Code.PROVIDER_BUSY, str(error)) from error
        raise Fatal(Code.PROVIDER_REFUSED, str(error)) from error
    except NotThere as error:
        raise Retry(Code.PROVIDER_REFUSED, str(error)) from error
    except (CloudError, msgspec.ValidationError) as error:
        raise Retry(Code.PROVIDER_UNREACHABLE, str(error)) from error


def _project(context: DriverContext) -> str:
    return str(context.cluster.project_id)


def _check_not_gone(context: DriverContext, row: CloudResource) -> None:
    if row.state is ResourceState.PRESENT:
        context.gone(row)
        raise Fatal(
            Code.PROVIDER_REFUSED,
            f"The stack {row.name} is gone: it was deleted, and not by Magnum. "
            "Its servers went with it; delete the cluster, or retry to make them anew.",
        )


def _asked_by(details: StackDetails) -> tuple[str | None, str | None]:
    return details.parameters.get("operation"), details.parameters.get("content")


def _is_ours(context: DriverContext, details: StackDetails) -> bool:
    return details.parameters.get("cluster_uuid") == context.cluster.uuid


def _check_ours(context: DriverContext, details: StackDetails) -> None:
    if not _is_ours(context, details):
        name = details.stack.name
        raise Fatal(
            Code.PROVIDER_REFUSED,
            f"There is a stack {name} already that is not this cluster's. Rename or delete it, then retry.",
        )
