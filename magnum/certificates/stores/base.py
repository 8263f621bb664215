"""What a certificate store promises.

A store keeps bundles under references; a cluster's row holds only the reference. Secrets are encrypted before they
reach the store's medium. tests/contract/test_certificate_stores.py holds every store to this.

The caller chooses the UUID and writes it down before it puts, so that a `put` that is tried again after a crash meets
what the first try left: the same bundle is fine, another one is refused, and nothing is ever stored twice.
"""

from typing import Protocol
from uuid import UUID

from magnum.certificates.bundle import CertificateBundle


class CertificateStoreError(Exception):
    """The store failed; the text says where and what to do."""


class CertificateStoreRefusedError(CertificateStoreError):
    """The store knows who asks and refuses: trying again does not help, until somebody has mended it."""


class CertificateNotFoundError(CertificateStoreError):
    """Nothing is stored under this reference."""


class CertificateExistsError(CertificateStoreError):
    """Another bundle is stored under this UUID already; the caller should get that one and go on with it."""


class ForeignReferenceError(CertificateStoreError):
    """The reference cannot be one of this store."""


class CertificateStore(Protocol):
    def put(
        self,
        uuid: str,
        bundle: CertificateBundle,
        *,
        name: str,
        cluster_uuid: str,
        project_id: str | None,
        user_id: str | None,
    ) -> str:
        """Store a bundle and give its reference. Name and cluster are for people, where the store can show them."""
        ...

    def get(self, ref: str) -> CertificateBundle: ...

    def delete(self, ref: str) -> None:
        """Remove the bundle. One that is not there is no error: the aim is reached."""
        ...


def check_reference(ref: str) -> str:
    """Give the reference back when it is a UUID in its usual form: 36 characters, lower case, nothing else."""
    try:
        canonical = str(UUID(ref))
    except ValueError:
        canonical = None
    if ref != canonical:
        raise ForeignReferenceError(
            f"The certificate reference '{ref[:200]}' is not a UUID, so this store cannot have given it. "
            "Was [certificates] cert_manager_type changed after the cluster was made?"
        )
    return ref


def not_found(ref: str) -> CertificateNotFoundError:
    return CertificateNotFoundError(f"No certificate is stored under {ref}.")


def exists(uuid: str) -> CertificateExistsError:
    return CertificateExistsError(f"Another certificate is stored under {uuid} already.")
