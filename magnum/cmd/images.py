"""`magnum-driver-manage images`: what a cluster of a template gets from elsewhere, for operators who keep a mirror.

Unlike the rest of that program it reads the configuration and the database, where the template is.
"""

from collections.abc import Sequence

from magnum.conf.settings import load_settings
from magnum.db import clustertemplates
from magnum.db.engine import open_database
from magnum.drivers.base import Bill, Pulls
from magnum.drivers.registry import Registry
from magnum.model.clocks import SystemClock
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.requesters import EVERYTHING

COLUMNS = ("Kind", "Name")


def rows(template_ident: str, configuration_files: Sequence[str]) -> list[list[str]]:
    """Give kind and name of each thing. Raises ValueError, with a sentence, when a cluster could not be made."""
    arguments = [word for file in configuration_files for word in ("--config-file", file)]
    settings = load_settings(arguments, program="magnum-driver-manage")
    database = open_database(settings.database.connection, clock=SystemClock())
    template = database.read(lambda tx: clustertemplates.get(tx, template_ident, EVERYTHING))
    bill = _bill(Registry.load(settings), template)
    return [*(["image", name] for name in bill.images), *(["file", name] for name in bill.files)]


def _bill(drivers: Registry, template: ClusterTemplate) -> Bill:
    spec = drivers.spec_for(template.server_type, template.cluster_distro, template.coe, template.driver)
    return spec.bill(template) if isinstance(spec, Pulls) else Bill()
