"""[drivers]: which drivers are loaded, and what they have in common."""

from pathlib import Path
from typing import Annotated

import msgspec

from .options import Option


class Drivers(msgspec.Struct, frozen=True, kw_only=True):
    disabled_drivers: Annotated[tuple[str, ...], Option("Drivers that are not loaded, by entry-point name.")] = ()
    enabled_beta_drivers: Annotated[tuple[str, ...], Option("Drivers marked as beta that may be used.")] = ()
    default_driver: Annotated[
        str | None,
        Option("Driver where several provide what a template asks for. Unset: the first by name."),
    ] = None
    verify_ca: Annotated[bool, Option("Whether nodes verify the certificates of the cloud's endpoints.")] = True
    openstack_ca_file: Annotated[
        Path | None,
        Option("CA certificates that nodes are given for that, PEM. Empty: those of the image."),
    ] = None
    send_cluster_metrics: Annotated[
        bool, Option("Send measurements as notifications.", unused="See the metrics endpoint.")
    ] = False
