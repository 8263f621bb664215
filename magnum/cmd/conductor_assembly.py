"""Puts a conductor's parts together, out of the settings. Nothing here connects, listens or starts.

What opens private keys is made here, and so for conductors only.
"""

import random

from magnum.certificates.encryption import Keyring
from magnum.certificates.stores.registry import open_store
from magnum.conductor.service import Conductor
from magnum.conductor.services import ConductorServices
from magnum.conf.settings import Settings
from magnum.db import x509keypairs
from magnum.db.engine import Database
from magnum.drivers.base import DriverServices, NodeListeners
from magnum.drivers.registry import Registry
from magnum.model.clocks import SystemClock

from .assembly import open_clouds, open_configured_database


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
    clouds = open_clouds(settings)
    store = open_store(
        settings.certificates.cert_manager_type,
        storage_path=settings.certificates.storage_path,
        keyring=keyring,
        rows=x509keypairs,
        transactions=database,
        clouds=clouds,
    )
    return Conductor(
        ConductorServices(
            database=database,
            settings=settings,
            clock=clock,
            randomness=random.SystemRandom(),
            registry=drivers or Registry.load(settings),
            driver_services=DriverServices(
                settings=settings, clock=clock, node_listeners=node_listeners, clouds=clouds
            ),
            certificate_store=store,
            keyring=keyring,
        )
    )
