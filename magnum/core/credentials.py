"""Who of a cluster's nodes is asking: by the token that it was given, or, when that has ended, by its certificate.

A node's certificate proves it for as long as the node is one of the cluster's rows: it is the one whose subject was
listed first among those that its token could have signed. What it may have signed stays what that list says.
"""

from magnum.certificates.proofs import Proof, ProofRefused, Subject, holder
from magnum.db import clusters, credentials, nodes
from magnum.db.errors import NotFound as NoSuchRow
from magnum.model.credentials import NodeCredential, NodeIdentity, hash_token
from magnum.model.signing import CaType, NodeLimits

from .certificates import trusted_certificates
from .errors import Conflict, Unauthenticated
from .service import Service

_LONGEST_TOKEN = 128
_NODE_USER = "system:node:"
"""What the common name of a node of Kubernetes begins with; others are called like their nodes."""
NOT_PROVEN = (
    "The node's proof does not hold. It needs a valid certificate of this cluster that is this node's own, a clock "
    "that is right to five minutes, and a signature of this very request with the certificate's key."
)


def authenticate(service: Service, token: str | None) -> NodeCredential:
    """Find the credential of a token. One that has ended and one that never was are told apart by nobody."""
    if token and len(token) <= _LONGEST_TOKEN and token.isascii():
        hashed = hash_token(token)
        credential = service.database.read(lambda tx: credentials.find(tx, hashed))
        if credential is not None:
            return credential
    raise Unauthenticated("The node's token is missing, unknown or no longer valid.")


def authenticate_by_certificate(  # noqa: PLR0917
    service: Service, cluster_uuid: str, proof: Proof, method: str, path: str, body: bytes
) -> NodeIdentity:
    """Find the node of this cluster whose certificate has signed the request. What was wrong is told to nobody."""
    try:
        cluster = service.database.read(lambda tx: clusters.read(tx, cluster_uuid))
        authorities = trusted_certificates(service, cluster, CaType.KUBERNETES)
        subject = holder(proof, method, path, body, now=service.clock.now(), authorities=authorities)
    except (ProofRefused, NoSuchRow, Conflict):  # the last: it has no CA yet
        raise Unauthenticated(NOT_PROVEN) from None
    identity = _find(service, cluster_uuid, subject.common_name.removeprefix(_NODE_USER))
    if identity is None or not _is_own(subject, identity.limits):
        raise Unauthenticated(NOT_PROVEN)
    return identity


def _find(service: Service, cluster_uuid: str, name: str) -> NodeIdentity | None:
    """Users may have any subject signed, so not every name is one that a database takes."""
    if not (name.isascii() and name.isprintable()):
        return None
    return service.database.read(lambda tx: nodes.find_identity(tx, cluster_uuid, name))


def _is_own(subject: Subject, limits: NodeLimits) -> bool:
    said = (subject.common_name, sorted(subject.organizations))
    return said == (limits.common_name, sorted(limits.organizations))
