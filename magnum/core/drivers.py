"""Which driver makes a cluster of a template, and what it says of one that is asked for."""

from collections.abc import Sequence

from sqlalchemy import Connection

from magnum.db import clustertemplates
from magnum.db.errors import NotFound as NoSuchRow
from magnum.drivers.base import ClusterRequest, ClusterType, DriverSpec, Feature, GroupChange, JudgesChanges, Problem
from magnum.drivers.registry import DriverNotFound
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.nodegroups import NodeGroup

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


def made_by(service: Service, tx: Connection, cluster: Cluster) -> tuple[ClusterTemplate, DriverSpec]:
    """Give the template and the driver of a cluster that is there."""
    try:
        template = clustertemplates.read(tx, cluster.cluster_template_id or "")
    except NoSuchRow:
        raise InvalidRequest(
            f"The cluster template {cluster.cluster_template_id} is gone, so the cluster cannot be changed."
        ) from None
    return template, find_driver(service, template)


def require_feature(spec: DriverSpec, feature: Feature) -> None:
    if feature not in spec.features:
        raise InvalidRequest(f"The driver {spec.name} does not support {feature}.")


def check_request(spec: DriverSpec, request: ClusterRequest) -> None:
    _refuse(spec.problems(request))


def check_change(
    spec: DriverSpec, current: ClusterRequest, wanted: ClusterRequest, groups: Sequence[GroupChange]
) -> None:
    """Refuse what the driver can make, but not of this cluster."""
    if isinstance(spec, JudgesChanges):
        _refuse(spec.change_problems(current, wanted, groups))


def group_change(cluster: Cluster, before: NodeGroup, *, labels: dict[str, str], after: NodeGroup) -> GroupChange:
    """Say what becomes of a group when the cluster has got these labels."""
    return GroupChange(
        name=before.name, role=before.role, before=cluster.labels | before.labels, after=labels | after.labels
    )


def _refuse(problems: Sequence[Problem]) -> None:
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
