"""[conductor]: how operations are claimed, run and given up."""

from typing import Annotated

import msgspec

from .options import Option


class Conductor(msgspec.Struct, frozen=True, kw_only=True):
    workers: Annotated[
        int,
        Option(
            "Steps of operations that one conductor runs at a time, each in a thread and with a database connection. "
            "(In earlier releases: processes.)",
            minimum=1,
            maximum=256,
        ),
    ] = 8
    lease_seconds: Annotated[
        float,
        Option("How long a conductor owns an operation without renewal, and others wait after a crash.", minimum=1),
    ] = 10.0
    renew_seconds: Annotated[float, Option("Time between renewals: at most a third of lease_seconds.")] = 3.0
    poll_milliseconds: Annotated[int, Option("Time between two looks for due work.", minimum=10)] = 200
    quiet_period: Annotated[
        float,
        Option(
            "Seconds after a deletion when the provider is searched once more for what a late call may have made.",
            minimum=0,
        ),
    ] = 120.0
    update_timeout: Annotated[
        int, Option("Minutes that a change of a cluster may take; of rolling work, each batch.", minimum=1)
    ] = 60
    stop_timeout: Annotated[float, Option("Seconds that running steps get when a conductor stops.", minimum=0)] = 20.0
    topic: Annotated[str, Option("Message queue.", unused="There is no message queue any more.")] = "magnum-conductor"
    conductor_life_check_timeout: Annotated[
        int, Option("Seconds to wait for a sign of life.", unused="Conductors own operations by lease.")
    ] = 4
