"""How machines of this host are kept: where, in which networks, and how long we wait for what.

Everything that may differ between two checkouts on one host, or between a test and a service, is here and handed down.
The times are limits in seconds, not delays.
"""

import os
from ipaddress import IPv4Network
from pathlib import Path
from typing import Self

import msgspec


class LocalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Services with different `state_dir` work side by side on one host."""

    state_dir: Path
    cache_dir: Path
    network_pool: IPv4Network = IPv4Network("10.77.0.0/16")
    network_prefix: int = 24
    """Each cluster's network is a part of the pool of this size."""
    node_port: int = 9512
    """The one TCP port of this host that machines may reach, on their own bridge's address."""
    claims_lock: Path = Path("/run/magnum-local-networks.lock")
    """Held while a subnet is claimed; the same file for everybody on the host."""
    cgroup_root: Path = Path("/sys/fs/cgroup")
    command_limit: float = 10.0
    lock_limit: float = 10.0
    shutdown_limit: float = 10.0
    """A machine that takes longer to shut down has its power cut."""
    kill_limit: float = 5.0

    @classmethod
    def of(cls, section: object) -> Self:
        """Take them from the section [local] of the configuration."""
        return msgspec.convert(section, cls, from_attributes=True)


def default_cache_dir() -> Path:
    """Where things lie that are slow to make and the same for every checkout."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "magnum"
