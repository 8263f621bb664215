"""Answer requests to sign: the only way by which a certificate of a cluster's authority comes about.

Someone waits on the other side for a few seconds, so these have a queue and a thread of their own. A request that may
not be granted is answered with the reason. When it is our store that fails there is no answer: the requester is told to
try again, and until then another conductor may do better.
"""

import logging

from magnum.certificates.authority import issue, open_authority
from magnum.certificates.bundle import PrivateKeyError
from magnum.certificates.csr import CsrRefused
from magnum.certificates.encryption import EncryptionError
from magnum.certificates.stores.base import CertificateNotFoundError, CertificateStoreError
from magnum.db import clusters, signing
from magnum.db.errors import NotFound
from magnum.model.clusters import CA_COLUMNS
from magnum.model.signing import SignRequest

from .secrets import signing_rules
from .services import ConductorServices

LOG = logging.getLogger(__name__)
_BATCH = 10


class Signer:
    def __init__(self, services: ConductorServices) -> None:
        self._services = services
        self._rules = signing_rules(services.settings.x509)

    def sign_waiting(self) -> int:
        """Answer some of the requests that wait; say how many there were."""
        requests = self._services.database.write(lambda tx: signing.waiting(tx, _BATCH))
        for request in requests:
            self._answer(request)
        return len(requests)

    def forget_expired(self) -> None:
        """Delete requests that nobody waits for any more."""
        self._services.database.write(signing.delete_expired)

    def _answer(self, request: SignRequest) -> None:
        try:
            pem, error = self._sign(request), None
        except (CsrRefused, CertificateNotFoundError, NotFound) as refusal:
            pem, error = None, str(refusal)
        except (CertificateStoreError, EncryptionError, PrivateKeyError):
            LOG.exception("The CA of the cluster %s cannot be opened, so nothing is signed.", request.cluster_uuid)
            return
        self._services.database.write(lambda tx: signing.answer(tx, request.uuid, pem=pem, error=error))

    def _sign(self, request: SignRequest) -> str:
        services = self._services
        cluster = services.database.read(lambda tx: clusters.read(tx, request.cluster_uuid))
        ref: str | None = getattr(cluster, CA_COLUMNS[request.ca_type])
        if ref is None:
            raise CertificateNotFoundError(f"This cluster has no certificate authority for {request.ca_type}.")
        authority = open_authority(services.certificate_store.get(ref), request.ca_type)
        return issue(request.csr, authority, self._rules, request.limits, services.clock.now())
