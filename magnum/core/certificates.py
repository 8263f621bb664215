"""Certificates of a cluster: show its CA, and have a request signed by a conductor.

No private key is opened here. The CA's certificate is public and read as it lies in the store; while one replaces
another both are shown, because members of the cluster may have certificates of either. A request to sign is checked,
written down, and answered by whichever conductor takes it. The API waits for that answer, but not for long.
"""

from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from magnum.certificates.csr import CsrRefused, parse_csr
from magnum.certificates.limits import check_node_request
from magnum.certificates.rules import SigningRules, permitted_extensions
from magnum.db import authorities, signing, x509keypairs
from magnum.db.errors import NotFound as NoSuchRow
from magnum.model.clocks import MICROSECONDS
from magnum.model.clusters import CA_COLUMNS, Cluster
from magnum.model.names import new_uuid
from magnum.model.signing import CaType, NodeLimits, SignRequest, SignState
from magnum.openstack.errors import CloudError

from .errors import Conflict, InvalidRequest, Unavailable
from .service import Service

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.1
_GRACE = 30
"""Seconds after which a request whose requester was killed is forgotten, beyond the time it was waited for."""
_CA_WORDS = {"etcd": CaType.ETCD, "front-proxy": CaType.FRONT_PROXY, "front_proxy": CaType.FRONT_PROXY}


def read_ca_type(word: str | None) -> CaType:
    """Any other word, and none, is the cluster's main CA."""
    return _CA_WORDS.get(word or "", CaType.KUBERNETES)


def show_ca(service: Service, cluster: Cluster, ca_type: CaType) -> str:
    """Give the certificates of the CA and of others that are trusted beside it, PEM without a line end at the end."""
    return "\n".join(trusted_certificates(service, cluster, ca_type))


def trusted_certificates(service: Service, cluster: Cluster, ca_type: CaType) -> list[str]:
    """Give the certificate of the CA that signs now, then of those that are trusted while a rotation runs; PEM."""
    named = _reference(cluster, ca_type)
    pem = _read_certificate(service, named)
    if pem is None:
        raise Unavailable(f"The CA of the cluster {cluster.uuid} is not in the certificate store.")
    others = service.database.read(lambda tx: authorities.of_cluster(tx, cluster.uuid, ca_type))
    beside = [_read_certificate(service, ref) for ref in others if ref != named]
    return [one.strip() for one in (pem, *beside) if one is not None]


def request_signature(
    service: Service, cluster: Cluster, csr: str, ca_type: CaType, limits: NodeLimits | None = None
) -> str:
    """Have a CSR signed; gives the certificate, PEM. `limits` are those of the node that asks."""
    _check_csr(service, csr, ca_type, limits)
    _reference(cluster, ca_type)
    uuid = new_uuid(service.randomness)
    patience = service.settings.api.sign_wait_seconds

    def insert(tx: Connection) -> None:
        expires_at = service.database.now(tx) + int((patience + _GRACE) * MICROSECONDS)
        signing.insert(
            tx,
            SignRequest(
                uuid=uuid, cluster_uuid=cluster.uuid, csr=csr, ca_type=ca_type, limits=limits, expires_at=expires_at
            ),
        )

    service.database.write(insert)
    service.sign_wake()
    answer = _await_answer(service, uuid, patience)
    service.database.write(lambda tx: signing.delete(tx, uuid))
    if answer is None:
        raise Unavailable("No conductor has signed the certificate in time. Try again shortly.", retry_after=5)
    if answer.state is SignState.REFUSED or answer.pem is None:
        raise InvalidRequest(f"The CSR was refused: {answer.error}")
    return answer.pem.strip()


def _check_csr(service: Service, csr: str, ca_type: CaType, limits: NodeLimits | None) -> None:
    """Judge the CSR as the conductor will, so that a bad one never gets there."""
    try:
        parsed = parse_csr(csr)
        if limits is not None:
            check_node_request(parsed, ca_type, limits)
        permitted_extensions(parsed, signing_rules(service))
    except CsrRefused as error:
        raise InvalidRequest(str(error)) from None


def signing_rules(service: Service) -> SigningRules:
    return msgspec.convert(msgspec.structs.asdict(service.settings.x509), SigningRules)


def _await_answer(service: Service, uuid: str, patience: float) -> SignRequest | None:
    """Look at growing intervals: a conductor in this process answers in milliseconds, another in tenths of a second."""
    give_up, pause = service.clock.monotonic() + patience, _FIRST_PAUSE
    while True:
        try:
            request = service.database.read(lambda tx: signing.get(tx, uuid))
        except NoSuchRow:
            return None
        if request.state is not SignState.WAITING:
            return request
        if service.clock.monotonic() >= give_up:
            return None
        service.pause(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _reference(cluster: Cluster, ca_type: CaType) -> str:
    """Say where the CA is kept; refuse when it has not been made."""
    ref: str | None = getattr(cluster, CA_COLUMNS[ca_type])
    if ref is None:
        kind = "CA yet" if ca_type is CaType.KUBERNETES else f"{ca_type} CA"
        raise Conflict(f"The cluster {cluster.uuid} has no {kind}; its status is {cluster.status}.")
    return ref


def _read_certificate(service: Service, ref: str) -> str | None:
    """Read the certificate, and nothing that is secret, from the configured store."""
    if service.certificates is not None:
        try:
            return service.certificates.read(ref)
        except CloudError as error:
            raise Unavailable(f"The CA cannot be read now: {error} Try again shortly.") from error
    settings = service.settings.certificates
    if settings.cert_manager_type == "local":
        try:
            return (Path(settings.storage_path) / f"{UUID(ref)}.crt").read_text()
        except (ValueError, FileNotFoundError):
            return None
    row = service.database.read(lambda tx: x509keypairs.get(tx, ref))
    return None if row is None else row.certificate
