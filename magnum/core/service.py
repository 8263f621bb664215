"""What every function of `core` is handed: the service's parts, made once by a command.

`wake` and `sign_wake` are called after a commit, to tell a conductor in the same process that there is work; elsewhere
they do nothing, because conductors look by themselves.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from magnum.conf.settings import Settings
from magnum.db.engine import Database
from magnum.drivers.registry import Registry
from magnum.model.clocks import Clock
from magnum.openstack.catalogue import Catalogue

if TYPE_CHECKING:
    from magnum.certificates.barbican import BarbicanCertificates
    from magnum.openstack.clouds import Clouds


def _nobody_to_wake() -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Service:
    database: Database
    settings: Settings
    clock: Clock
    randomness: random.Random
    """Names and UUIDs are made of it; `random.SystemRandom` in a service, a seeded one in tests."""
    drivers: Registry
    catalogue: Catalogue
    clouds: "Clouds | None" = None
    """None where there is no Keystone (auth_strategy)."""
    certificates: "BarbicanCertificates | None" = None
    """Where they are read; None where a database or files of ours hold them."""
    wake: Callable[[], None] = _nobody_to_wake
    sign_wake: Callable[[], None] = _nobody_to_wake
    ending: threading.Event = field(default_factory=threading.Event)
    """Set when the process is to end: requests that wait for something are answered at once."""
    pause: Callable[[float], None] = time.sleep
    """How the API waits for a signature, in seconds; a test turns its clock instead."""
