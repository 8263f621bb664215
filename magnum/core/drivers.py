"""Which driver makes a cluster of a template, and what it says of one that is asked for."""

from magnum.drivers.base import ClusterRequest, ClusterType, DriverSpec
from magnum.drivers.registry import DriverNotFound
from magnum.model.clustertemplates import ClusterTemplate

from .errors import InvalidRequest
from .service import Service

_LONGEST_CALL = 600.0
"""Seconds; assumed of a driver that is not loaded here, so that a delete waits too long rather than too short."""


def find_driver(service: Service, template: ClusterTemplate, *, name: str | None = None) -> DriverSpec:
    """Give the driver of this name, else the template's, else the first for this type of cluster."""
    kind = ClusterType(template.server_type, template.cluster_distro or "", template.coe)
    try:
        spec = service.drivers.spec_for(kind.server_type, kind.os, kind.coe, name or template.driver)
    except DriverNotFound as error:
        raise InvalidRequest(f"This type of cluster is not supported: {error}") from None
    if kind not in spec.provides:
        raise InvalidRequest(
            f"The driver {spec.name} does not make clusters of {kind.coe} on {kind.os} ({kind.server_type})."
        )
    return spec


def check_request(spec: DriverSpec, request: ClusterRequest) -> None:
    problems = spec.problems(request)
    if problems:
        raise InvalidRequest(" ".join(f"{problem.field}: {problem.text}" for problem in problems))


def longest_call(service: Service, template: ClusterTemplate | None) -> float:
    """Say how long the worker that a delete supersedes may still be inside a provider call."""
    try:
        if template is not None:
            return find_driver(service, template).longest_call
    except InvalidRequest:
        pass  # disabled since the cluster was made; its conductor may yet have it
    return _LONGEST_CALL
