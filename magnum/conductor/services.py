"""What a conductor is made of: all that its parts use, handed down as one value."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from magnum.certificates.encryption import Keyring
from magnum.certificates.stores.base import CertificateStore
from magnum.conf.settings import Settings
from magnum.db.engine import Database
from magnum.drivers.base import DriverServices
from magnum.drivers.registry import Registry
from magnum.model.clocks import Clock


def no_trace(_point: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True, kw_only=True)
class ConductorServices:
    """`trace` is told of every step boundary and of both sides of every provider call and of every commit.

    Crash tests end the process there. `randomness` is for names and for jitter; secrets have their own source.
    """

    database: Database
    settings: Settings
    clock: Clock
    randomness: random.Random
    registry: Registry
    driver_services: DriverServices
    certificate_store: CertificateStore
    keyring: Keyring
    trace: Callable[[str], None] = no_trace
