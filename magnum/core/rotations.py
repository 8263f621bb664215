"""Rotate a cluster's CA, or its credential in the cloud: refused at once where it cannot be, else an operation."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from magnum.db import clusters, operations
from magnum.drivers.base import DriverSpec, Feature
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.names import new_uuid
from magnum.model.operations import RotateCertificates, RotateCredential
from magnum.model.requesters import Requester
from magnum.model.statuses import RESIZABLE, STEADY, Status

from .changes import ask
from .drivers import made_by, require_feature
from .errors import InvalidRequest
from .service import Service
from .statuses import check_status
from .trusts import entrusted, give_anew, needs_trust

if TYPE_CHECKING:
    from magnum.openstack.clouds import Cloud

Rotation = RotateCertificates | RotateCredential


def rotate_ca(service: Service, requester: Requester, uuid: str) -> None:
    _rotate(service, requester, uuid, RotateCertificates(), STEADY, "given a new CA")


def rotate_credential(service: Service, requester: Requester, uuid: str, *, cloud: "Cloud | None" = None) -> None:
    """Replace it, with a new trust where the cluster has one: `cloud` is the requester's, who gives it."""
    cluster, (_, spec) = service.database.read(lambda tx: _known(service, tx, uuid))
    require_feature(spec, Feature.ROTATE_CREDENTIAL)
    if needs_trust(service, spec):
        give_anew(service, cluster, cloud)
    with entrusted(service, spec, uuid, cloud) as trust:
        rotation = RotateCredential(trust_id=trust.trust_id)
        _rotate(service, requester, uuid, rotation, RESIZABLE, "given new credentials", beside=trust.keep)


def _known(service: Service, tx: Connection, uuid: str) -> tuple[Cluster, tuple[ClusterTemplate, DriverSpec]]:
    cluster = clusters.read(tx, uuid)
    return cluster, made_by(service, tx, cluster)


def _rotate(  # noqa: PLR0917  two callers, above
    service: Service,
    requester: Requester,
    uuid: str,
    rotation: Rotation,
    allowed: frozenset[Status],
    what: str,
    *,
    beside: Callable[[Connection], None] = lambda _: None,
) -> None:
    operation_uuid = new_uuid(service.randomness)

    def run(tx: Connection) -> None:
        operations.lock(tx, uuid)
        cluster = clusters.read(tx, uuid)
        _check_tls(service, tx, cluster, rotation)
        check_status(cluster, allowed, what)
        start_rotation(service, tx, requester, cluster=cluster, rotation=rotation, operation_uuid=operation_uuid)
        beside(tx)

    service.database.write(run)
    service.wake()


def start_rotation(
    service: Service,
    tx: Connection,
    requester: Requester,
    *,
    cluster: Cluster,
    rotation: Rotation,
    operation_uuid: str,
) -> None:
    """Write down a rotation that the cluster's status allows. Call it under the cluster's lock."""
    feature = Feature.ROTATE_CA if isinstance(rotation, RotateCertificates) else Feature.ROTATE_CREDENTIAL
    require_feature(made_by(service, tx, cluster)[1], feature)
    ask(
        service,
        tx,
        requester,
        uuid=operation_uuid,
        cluster=cluster,
        arguments=rotation,
        event=f"cluster.{rotation.__struct_config__.tag}",
        text=f"{feature[0].upper()}{feature[1:]} was asked for.",
    )


def _check_tls(service: Service, tx: Connection, cluster: Cluster, rotation: Rotation) -> None:
    if isinstance(rotation, RotateCertificates) and made_by(service, tx, cluster)[0].tls_disabled:
        raise InvalidRequest(f"The cluster {cluster.uuid} has TLS disabled, so there is no CA to rotate.")
