"""What a step answers: `Done`, or `Wait` for so many seconds because of so-and-so. A failure is raised instead."""

import msgspec


class Done(msgspec.Struct, frozen=True):
    """The step's goal is reached; it looked and found it so."""


class Wait(msgspec.Struct, frozen=True):
    """The step's goal is not reached yet and nothing is wrong: run the step again in `seconds`.

    `reason` is shown to the owner: "2 of 3 machines have reported".
    """

    seconds: float
    reason: str


Outcome = Done | Wait
