"""What a template may ask for of any cluster on machines of this host, and how it says that images are pulled.

Pure, and not in `local`, for the API loads it.
"""

from collections.abc import Iterator

from magnum.drivers.base import Problem
from magnum.model.clustertemplates import ClusterTemplate
from magnum.nodes.data import Engine

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


def engine_of(template: ClusterTemplate) -> Engine:
    """Say how the nodes' engines are configured. Raises ValueError naming the value that a node cannot be given."""
    return Engine(
        storage_driver=template.docker_storage_driver,
        insecure_registries=tuple(filter(None, map(str.strip, (template.insecure_registry or "").split(",")))),
        http_proxy=template.http_proxy,
        https_proxy=template.https_proxy,
        no_proxy=template.no_proxy,
    )


def engine_problem(error: ValueError) -> Problem | None:
    """Say of a value that an engine cannot be given, in which field of the template it is."""
    field = str(error).partition(" ")[0]
    if field not in Engine.__struct_fields__:
        return None
    return Problem("insecure_registry" if field == "insecure_registries" else field, f"{error}.")
