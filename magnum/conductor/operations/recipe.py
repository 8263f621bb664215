"""The form of an operation's recipe: its steps, and what its end means for the rows of the cluster.

The worker runs the steps and writes how far they are; a recipe decides nothing but what is its own. `succeed` and
`fail` run inside the transaction that closes the operation, under the cluster's lock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.drivers.base import Driver, Step
from magnum.model.failures import Code, Fatal
from magnum.model.operations import Operation

from .clusters import show_progress


class Progress(Protocol):
    def __call__(self, tx: Connection, operation: Operation, text: str, *, moved: bool) -> None: ...


def unsupported(feature: str) -> Fatal:
    """Make the failure for a driver whose spec, where the API ran, said more than it can do here."""
    return Fatal(Code.DRIVER_MISSING, f"The driver on this conductor does not support {feature}; is it an older one?")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """`gives_up` false: it is tried for ever, and `fail` says each time that it did not work.

    `progress` shows how far it is; `moved` says that a step has been done.
    """

    steps: Callable[[StepContext, Driver], Sequence[Step]]
    succeed: Callable[[Connection, StepContext], None]
    fail: Callable[[Connection, StepContext, str], None]
    progress: Progress = show_progress
    gives_up: bool = True
