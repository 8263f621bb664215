"""What a template may ask for of any cluster on machines of this host.

Pure, and not in `local`, for the API loads it.
"""

from collections.abc import Iterator

from magnum.drivers.base import Problem
from magnum.model.clustertemplates import ClusterTemplate

STORAGE_DRIVERS = frozenset({None, "overlay2", "overlay"})


def common_problems(template: ClusterTemplate) -> Iterator[Problem]:
    if template.tls_disabled:
        yield Problem("tls_disabled", "This driver makes no clusters without TLS; use a template with TLS enabled.")
    if template.docker_storage_driver not in STORAGE_DRIVERS:
        yield Problem(
            "docker_storage_driver",
            f"{template.docker_storage_driver} is not available on machines of this host; use overlay2.",
        )
    if template.volume_driver is not None:
        yield Problem("volume_driver", f"{template.volume_driver} is not available on machines of this host.")
