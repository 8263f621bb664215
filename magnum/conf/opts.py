"""What oslo-config-generator prints: run it with `--namespace magnum.conf`."""

from oslo_config import cfg

from .options import oslo_options
from .settings import sections


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [(name, oslo_options(section)) for name, section in sections().items()]
