"""The settings: all of `magnum.conf` as one frozen value, read once by a command and handed down.

The name of a field is the name of the section (`default` is [DEFAULT]). `Settings()` has every option's default.
`oslo` is what oslo's own libraries (policy, log, middleware) ask for their options; nothing of ours asks it.
"""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
from oslo_config import cfg
from oslo_log import log

from . import clients
from .api import Api
from .certificates import Certificates
from .cinder import Cinder
from .cluster import Cluster, ClusterHeat
from .cluster_template import ClusterTemplate
from .conductor import Conductor
from .database import Database
from .default import Default
from .docker import Docker, DockerRegistry
from .drivers import Drivers
from .fake import Fake
from .keystone_authtoken import KeystoneAuthtoken
from .kubernetes import Kubernetes
from .local import Local
from .options import oslo_options, read_section
from .profiler import Profiler
from .quotas import Quotas
from .trust import Trust
from .x509 import X509

DEFAULT = "DEFAULT"
QUIET = ("alembic=WARN", "sqlalchemy=WARN")
"""Log levels of libraries that oslo.log does not know."""


class SettingsError(Exception):
    """The configuration cannot be used; the text says which option, and why."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    default: Default = msgspec.field(default_factory=Default)
    api: Api = Api()
    conductor: Conductor = Conductor()
    database: Database = Database()
    certificates: Certificates = Certificates()
    x509: X509 = X509()
    quotas: Quotas = Quotas()
    drivers: Drivers = Drivers()
    local: Local = msgspec.field(default_factory=Local)
    fake: Fake = Fake()
    cluster: Cluster = Cluster()
    cluster_heat: ClusterHeat = ClusterHeat()
    cluster_template: ClusterTemplate = ClusterTemplate()
    kubernetes: Kubernetes = Kubernetes()
    docker: Docker = Docker()
    docker_registry: DockerRegistry = DockerRegistry()
    keystone_authtoken: KeystoneAuthtoken = KeystoneAuthtoken()
    trust: Trust = Trust()
    cinder: Cinder = Cinder()
    barbican_client: clients.Endpoint = clients.Endpoint()
    cinder_client: clients.Cinder = clients.Cinder()
    glance_client: clients.Glance = clients.Glance()
    heat_client: clients.Heat = clients.Heat()
    magnum_client: clients.Endpoint = clients.Endpoint()
    neutron_client: clients.SecureEndpoint = clients.SecureEndpoint()
    nova_client: clients.Nova = clients.Nova()
    octavia_client: clients.SecureEndpoint = clients.SecureEndpoint()
    profiler: Profiler = Profiler()
    oslo: Any = msgspec.field(default_factory=cfg.ConfigOpts)

    def __repr__(self) -> str:
        return "Settings(…)"


def sections() -> dict[str, type[msgspec.Struct]]:
    """Give the struct of each section, by the section's name."""
    hints = get_type_hints(Settings)
    return {DEFAULT if name == "default" else name: hint for name, hint in hints.items() if name != "oslo"}


def declare_options() -> cfg.ConfigOpts:
    """Make the parser of configuration files and of the arguments that all programs have in common."""
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf.set_default("default_log_levels", [*log.get_default_log_levels(), *QUIET])
    for name, section in sections().items():
        conf.register_opts(oslo_options(section), group=None if name == DEFAULT else name)
    return conf


def load_settings(
    arguments: Sequence[str] = (),
    *,
    program: str | None = None,
    files: Sequence[Path] | None = None,
    conf: cfg.ConfigOpts | None = None,
) -> Settings:
    """Read the configuration: the files named by --config-file, else `files`, else those in the standard places.

    `conf` comes from `declare_options` with a program's own arguments added. Raises SettingsError. Exits with status 2
    on an unknown argument, 0 after --help and --version, as programs do.
    """
    conf = conf or declare_options()
    places: dict[str, Any] = {}
    if files is not None:
        places = {"default_config_files": [str(file) for file in files], "default_config_dirs": []}
    version = importlib.metadata.version("magnum")
    try:
        conf(list(arguments), project="magnum", prog=program, version=version, **places)
    except cfg.Error as error:
        raise SettingsError(f"The configuration cannot be read: {error}") from error
    return read_settings(conf)


def read_settings(conf: cfg.ConfigOpts) -> Settings:
    """Give the settings out of what has been parsed. Raises SettingsError."""
    read: dict[str, Any] = {}
    for name, section in sections().items():
        try:
            read[name] = read_section(section, conf if name == DEFAULT else conf[name])
        except ValueError as error:
            raise SettingsError(f"The configuration cannot be used: [{name}] {error}.") from error
    settings = Settings(default=read.pop(DEFAULT), **read, oslo=conf)
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    """Refuse values that are fine alone and not together."""
    conductor = settings.conductor
    if conductor.renew_seconds * 3 > conductor.lease_seconds:
        raise SettingsError(
            f"[conductor] renew_seconds = {conductor.renew_seconds:g} is too long for lease_seconds = "
            f"{conductor.lease_seconds:g}: a lease must survive two renewals that fail. Use at most a third."
        )
