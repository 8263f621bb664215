"""The drivers of one conductor: each is built when it is first needed, and only once."""

import logging
import threading

from magnum.drivers.base import Driver, DriverServices, DriverSpec
from magnum.drivers.registry import DriverNotFound, Registry
from magnum.model.failures import Code, Retry

from .rows import Known

LOG = logging.getLogger(__name__)


class Drivers:
    def __init__(self, registry: Registry, services: DriverServices) -> None:
        self._registry = registry
        self._services = services
        self._lock = threading.Lock()
        self._built: dict[str, Driver] = {}

    def spec_of(self, rows: Known) -> DriverSpec:
        """Raises `Retry` where there is none: it may be installed, or enabled, while the operation still has time."""
        template = rows.template
        if template is None:
            text = (
                f"The cluster template {rows.cluster.cluster_template_id} is gone, and with it the name of the driver."
            )
            raise Retry(Code.DRIVER_MISSING, text)
        try:
            return self._registry.spec_for(template.server_type, template.cluster_distro, template.coe, template.driver)
        except DriverNotFound as error:
            text = f"{error} Install it, or take it off [drivers] disabled_drivers; then this goes on by itself."
            raise Retry(Code.DRIVER_MISSING, text) from error

    def of(self, rows: Known) -> Driver:
        return self._build(self.spec_of(rows))

    def resume(self) -> None:
        """Let every driver bring back what a stop of this host took down. One that cannot keeps none of the others."""
        for spec in self._registry.specs():
            try:
                self._build(spec).resume()
            except Exception:
                LOG.exception("The driver %s could not resume; what it takes care of may be down.", spec.name)

    def _build(self, spec: DriverSpec) -> Driver:
        with self._lock:
            if spec.name not in self._built:
                self._built[spec.name] = self._registry.build(spec, self._services)
            return self._built[spec.name]
