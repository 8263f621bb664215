"""What runs in a process of its own, for tests that kill it: a conductor on the world that lies in a directory."""

import signal
import time

from simulation import FakeRegistry, World

from magnum.conductor.operations import certificates
from magnum.conductor.service import Conductor
from magnum.conf.conductor import Conductor as ConductorSettings
from magnum.model.clocks import SystemClock

CALL_TIMEOUT = 0.5
SETTINGS = ConductorSettings(
    lease_seconds=1.5, renew_seconds=0.4, poll_milliseconds=50, quiet_period=3.0, stop_timeout=5.0
)


def open_world(directory, *, fresh):
    """Open the world that lies in this directory: every process has its own connections to the same files."""
    return World(
        directory,
        url=f"sqlite:///{directory}/magnum.sqlite",
        clock=SystemClock(),
        registry=FakeRegistry(sleep=time.sleep, call_timeout=CALL_TIMEOUT),
        seed=None,
        fresh=fresh,
        conductor=SETTINGS,
    )


def run_conductor(directory, started):
    certificates.STORE_TIMEOUT = CALL_TIMEOUT  # calls prolong leases, and the test waits for them to lapse
    conductor = Conductor(open_world(directory, fresh=False).services())
    conductor.start()
    started.set()
    signal.pause()
