"""The machines of this host as the service's cloud: whether there can be any, and what becomes of them at its end."""

from magnum.conf.settings import Settings
from magnum.drivers.local import preflight
from magnum.drivers.local.host import LocalHost
from magnum.drivers.local.settings import LocalSettings

DRIVERS = ("local_kubernetes", "local_swarm")
"""Those that need machines of this host."""


def missing() -> tuple[str, ...]:
    """Say what this host lacks for machines, one sentence each."""
    return tuple(preflight.missing())


def why_no_egress(settings: Settings) -> str:
    """Say why machines cannot reach the outside; empty when they can. Tried, which takes some seconds."""
    return _host(settings).egress().reason


def stop(settings: Settings) -> None:
    """Shut all machines down; they come back with the service."""
    if settings.local.state_dir.is_dir():
        _host(settings).stop_all()


def remove(settings: Settings) -> None:
    """Remove every machine and network of this service."""
    if settings.local.state_dir.is_dir():
        _host(settings).clean()


def _host(settings: Settings) -> LocalHost:
    return LocalHost(LocalSettings.of(settings.local))
