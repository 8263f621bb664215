"""Puts the API's parts together, out of the settings: one `Service`. Nothing here connects, listens or starts.

A conductor's are put together in `conductor_assembly`: a process of the API alone need not load what does the work.
"""

import importlib
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from magnum.conf.settings import Settings
from magnum.core.service import Service
from magnum.db.engine import Database, open_database
from magnum.drivers.registry import Registry
from magnum.model.clocks import Clock, SystemClock
from magnum.openstack.catalogue import load_catalogue

if TYPE_CHECKING:
    from magnum.certificates.barbican import BarbicanCertificates
    from magnum.openstack.clouds import Clouds


def nobody_to_wake() -> None:
    """Conductors in other processes look for work by themselves."""


def listen_address(settings: Settings) -> str:
    """Give host and port as they stand in a URL."""
    host = f"[{settings.api.host}]" if ":" in settings.api.host else settings.api.host
    return f"{host}:{settings.api.port}"


def open_configured_database(settings: Settings, clock: Clock) -> Database:
    return open_database(settings.database.connection, clock=clock, pool_size=settings.database.max_pool_size)


def open_clouds(settings: Settings) -> "Clouds | None":
    """Give who we are in the cloud, where there is a Keystone and the configuration says it; nobody is asked yet."""
    if settings.default.auth_strategy != "keystone":
        return None
    # Loaded only where it is used: it takes half a second and 7 MiB.
    return cast("Clouds | None", importlib.import_module("magnum.openstack.identities").open_identities(settings))


def open_certificates(settings: Settings, clouds: "Clouds | None") -> "BarbicanCertificates | None":
    """Give what reads certificates, where they are in Barbican."""
    if clouds is None or settings.certificates.cert_manager_type != "barbican":
        return None
    reader = importlib.import_module("magnum.certificates.barbican").BarbicanCertificates(clouds)
    return cast("BarbicanCertificates", reader)


def make_service(
    settings: Settings,
    *,
    database: Database | None = None,
    drivers: Registry | None = None,
    wake: Callable[[], None] = nobody_to_wake,
    sign_wake: Callable[[], None] = nobody_to_wake,
) -> Service:
    """Make what the API is handed. A conductor in the same process is woken when there is work for it."""
    clock, clouds = SystemClock(), open_clouds(settings)
    return Service(
        database=database or open_configured_database(settings, clock),
        settings=settings,
        clock=clock,
        randomness=random.SystemRandom(),
        drivers=drivers or Registry.load(settings),
        catalogue=load_catalogue(settings.local.catalogue),
        clouds=clouds,
        certificates=open_certificates(settings, clouds),
        wake=wake,
        sign_wake=sign_wake,
    )
