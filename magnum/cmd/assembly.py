"""Puts the parts together, out of the settings: one `Service` for the API, one `Conductor` for the work.

Nothing here connects, listens or starts. What opens private keys is made for conductors only.
"""

import random

from magnum.certificates.encryption import Keyring
from magnum.certificates.stores.registry import open_store
from magnum.conductor.service import Conductor
from magnum.conductor.services import ConductorServices
from magnum.conf.settings import Settings
from magnum.core.service import Service
from magnum.db import x509keypairs
from magnum.db.engine import Database, open_database
from magnum.drivers.base import DriverServices, NodeListeners
from magnum.drivers.registry import Registry
from magnum.model.clocks import Clock, SystemClock
from magnum.openstack.catalogue import load_catalogue


def nobody_to_wake() -> None:
    """Conductors in other processes look for work by themselves."""


def listen_address(settings: Settings) -> str:
    """Give host and port as they stand in a URL."""
    host = f"[{settings.api.host}]" if ":" in settings.api.host else settings.api.host
    return f"{host}:{settings.api.port}"


def open_configured_database(settings: Settings, clock: Clock) -> Database:
    return open_database(settings.database.connection, clock=clock, pool_size=settings.database.max_pool_size)


def make_service(
    settings: Settings,
    *,
    database: Database | None = None,
    drivers: Registry | None = None,
    conductor: Conductor | None = None,
) -> Service:
    """Make what the API is handed. A conductor in the same process is woken when there is work for it."""
    clock = SystemClock()
    return Service(
        database=database or open_configured_database(settings, clock),
        settings=settings,
        clock=clock,
        randomness=random.SystemRandom(),
        drivers=drivers or Registry.load(settings),
        catalogue=load_catalogue(settings.local.catalogue),
        wake=conductor.wake if conductor else nobody_to_wake,
        sign_wake=conductor.wake_signing if conductor else nobody_to_wake,
    )


def make_conductor(
    settings: Settings,
    *,
    node_listeners: NodeListeners,
    database: Database | None = None,
    drivers: Registry | None = None,
) -> Conductor:
    clock = SystemClock()
    database = database or open_configured_database(settings, clock)
    keyring = Keyring.load(settings.certificates.encryption_keys)
    store = open_store(
        settings.certificates.cert_manager_type,
        storage_path=settings.certificates.storage_path,
        keyring=keyring,
        rows=x509keypairs,
        transactions=database,
    )
    return Conductor(
        ConductorServices(
            database=database,
            settings=settings,
            clock=clock,
            randomness=random.SystemRandom(),
            registry=drivers or Registry.load(settings),
            driver_services=DriverServices(settings=settings, clock=clock, node_listeners=node_listeners),
            certificate_store=store,
            keyring=keyring,
        )
    )
