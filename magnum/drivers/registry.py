"""Which drivers there are, and which of them makes a cluster of a given kind.

Drivers are found by the entry-point group `magnum.cluster_drivers`; each entry names a `DriverSpec`. Only these pure
halves are loaded here; `build` loads the other half, and only conductors call it.

A name stands for one driver, always. Where several provide the same kind of cluster, `[drivers] default_driver` decides
if it is one of them, else the first by name: the choice never depends on the order in which packages were installed.
A driver that cannot be loaded does not take the service down: it is logged, and named where it is missed. So is one
that works in its owners' cloud where there is none.
"""

import importlib.metadata
import logging
import pkgutil
from collections.abc import Iterable, Mapping

from magnum.conf.settings import Settings

from .base import Driver, DriverServices, DriverSpec, Feature

LOG = logging.getLogger(__name__)
ENTRY_POINTS = "magnum.cluster_drivers"
KEYSTONE = "keystone"


class DriverNotFound(Exception):  # noqa: N818  not a defect: what was asked for is not there
    """No driver of this name, or for this kind of cluster; the text says what there is."""


class Registry:
    def __init__(
        self,
        specs: Iterable[DriverSpec],
        *,
        default_driver: str | None = None,
        missing: Mapping[str, str] | None = None,
    ) -> None:
        """`missing` says in a sentence why a driver that is installed is not among them."""
        self._specs = {spec.name: spec for spec in sorted(specs, key=lambda spec: spec.name)}
        self._default_driver = default_driver
        self._missing = dict(missing or {})

    @classmethod
    def load(cls, settings: Settings) -> "Registry":
        specs: list[DriverSpec] = []
        missing: dict[str, str] = {}
        strategy = settings.default.auth_strategy
        for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
            if entry.name in settings.drivers.disabled_drivers:
                continue
            try:
                spec = _load(entry)
            except Exception as error:
                LOG.exception(
                    "The driver %s (%s) cannot be loaded; its clusters have to wait.", entry.name, entry.value
                )
                missing[entry.name] = f"It cannot be loaded: {type(error).__name__}: {error}."
                continue
            if Feature.OWNERS_CLOUD in spec.features and strategy != KEYSTONE:
                missing[entry.name] = (
                    f"It works in the cloud of a cluster's owner, and [DEFAULT] auth_strategy is {strategy}: "
                    f"only {KEYSTONE} knows one."
                )
                continue
            specs.append(spec)
        return cls(specs, default_driver=settings.drivers.default_driver, missing=missing)

    def specs(self) -> tuple[DriverSpec, ...]:
        """Give all that are enabled and sound, by name."""
        return tuple(self._specs.values())

    def spec(self, name: str) -> DriverSpec:
        try:
            return self._specs[name]
        except KeyError:
            reason = f" {self._missing[name]}" if name in self._missing else ""
            raise DriverNotFound(f"There is no driver '{name}' here.{reason} {self._available()}") from None

    def spec_for(self, server_type: str, os: str | None, coe: str, driver_name: str | None = None) -> DriverSpec:
        """Give the driver of this name, else the one for this kind of cluster. Raises `DriverNotFound`."""
        if driver_name:
            return self.spec(driver_name)
        fitting = [
            spec
            for spec in self.specs()
            if any((kind.server_type, kind.os, kind.coe) == (server_type, os, coe) for kind in spec.provides)
        ]
        if not fitting:
            raise DriverNotFound(
                f"There is no driver for clusters of {coe} on {os or 'an unnamed system'} ({server_type}). "
                f"{self._available()}"
            )
        return next((spec for spec in fitting if spec.name == self._default_driver), fitting[0])

    def build(self, spec: DriverSpec, services: DriverServices) -> Driver:
        """Load and make the half that does the work. For conductors only."""
        driver: Driver = pkgutil.resolve_name(spec.driver_path)(services)
        return driver

    def _available(self) -> str:
        return f"Available drivers: {', '.join(self._specs) or 'none'}."


def _load(entry: importlib.metadata.EntryPoint) -> DriverSpec:
    spec: DriverSpec = entry.load()
    if spec.name != entry.name:
        raise ValueError(f"the entry point {entry.name} holds the driver {spec.name}; both must have the same name")
    return spec
