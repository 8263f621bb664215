"""[local]: clusters on machines of this host."""

import os
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated

import msgspec
from oslo_config import types

from .default import PACKAGE
from .options import Option


def _default_cache_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "magnum"


class Local(msgspec.Struct, frozen=True, kw_only=True):
    state_dir: Annotated[Path, Option("Where machines and networks are kept.", default="$state_path/machines")] = (
        PACKAGE / "machines"
    )
    cache_dir: Annotated[
        Path,
        Option(
            "Where root file systems are kept that are slow to make and the same for every service on this host.",
            default=None,
            sample="${XDG_CACHE_HOME:-~/.cache}/magnum",
        ),
    ] = msgspec.field(default_factory=_default_cache_dir)
    network_pool: Annotated[
        IPv4Network, Option("Addresses from which each cluster is given a network. Must not be used elsewhere here.")
    ] = IPv4Network("10.77.0.0/16")
    network_prefix: Annotated[int, Option("Size of a cluster's network.", minimum=20, maximum=29)] = 24
    node_port: Annotated[
        int, Option("TCP port on a cluster's bridge on which its nodes reach the service.", kind=types.Port)
    ] = 9512
    catalogue: Annotated[
        Path | None,
        Option(
            "File that lists images and flavors, TOML. Unset: the one that is shipped, and Glance's and Nova's "
            "instead for requests with a token of Keystone."
        ),
    ] = None
