"""Octavia's API with our load balancers in the place of its own, and under their name: its machines cannot be had."""

from magnum_lab_balancers import Balancers
from octavia.api.drivers.amphora_driver.v2 import driver

driver.AmphoraProviderDriver = Balancers

from octavia.wsgi.api import application  # noqa: E402  it loads the driver

__all__ = ["application"]
