"""How a template says that the engines of a cluster's nodes pull images and keep them. Pure: the API loads it."""

from magnum.drivers.base import Problem
from magnum.model.clustertemplates import ClusterTemplate
from magnum.nodes.data import Engine


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
