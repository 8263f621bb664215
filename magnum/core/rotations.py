"""Rotate a cluster's CA, or its credential in the cloud: refused at once where it cannot be, else an operation."""

from sqlalchemy import Connection

from magnum.db import clusters, events, operations
from magnum.drivers.base import Feature
from magnum.model.names import new_uuid
from magnum.model.operations import RotateCertificates, RotateCredential
from magnum.model.requesters import Requester
from magnum.model.statuses import RESIZABLE, STEADY, Status, StatusEvent

from .drivers import made_by, require_feature
from .errors import InvalidRequest
from .operations import new_event, new_operation
from .service import Service
from .statuses import check_status, started


def rotate_ca(service: Service, requester: Requester, uuid: str) -> None:
    _rotate(service, requester, uuid, feature=Feature.ROTATE_CA, allowed=STEADY)


def rotate_credential(service: Service, requester: Requester, uuid: str) -> None:
    _rotate(service, requester, uuid, feature=Feature.ROTATE_CREDENTIAL, allowed=RESIZABLE)


def _rotate(service: Service, requester: Requester, uuid: str, *, feature: Feature, allowed: frozenset[Status]) -> None:
    operation_uuid = new_uuid(service.randomness)
    arguments = RotateCertificates() if feature is Feature.ROTATE_CA else RotateCredential()

    def run(tx: Connection) -> None:
        operations.lock(tx, uuid)
        cluster = clusters.read(tx, uuid)
        template, spec = made_by(service, tx, cluster)
        if feature is Feature.ROTATE_CA and template.tls_disabled:
            raise InvalidRequest(f"The cluster {uuid} has TLS disabled, so there is no CA to rotate.")
        check_status(cluster, allowed, "given a new CA" if feature is Feature.ROTATE_CA else "given new credentials")
        require_feature(spec, feature)
        operation = new_operation(
            service,
            tx,
            requester,
            uuid=operation_uuid,
            cluster_uuid=uuid,
            arguments=arguments,
            minutes=service.settings.conductor.update_timeout,
        )
        operations.enqueue(tx, operation)
        clusters.update(tx, uuid, status=started(cluster.status, StatusEvent.UPDATE_STARTED), status_reason=None)
        operations.touch(tx, uuid)
        text = f"{feature[0].upper()}{feature[1:]} was asked for."
        events.insert(tx, new_event(operation, f"cluster.{operation.kind}", text))

    service.database.write(run)
    service.wake()
