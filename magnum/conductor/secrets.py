"""Secrets, as a conductor meets them: whether it can open and write any at all, and what becomes of it when it cannot.

A conductor that lacks the key of its database would fail cluster by cluster, at night. So it looks when it starts: at a
known text in the database that was sealed with the key. A fresh database gets one; with nothing to seal it with, the
conductor refuses to start rather than ever write a secret in clear.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from magnum.certificates.authority import lend_client_certificate, open_authority
from magnum.certificates.bundle import PrivateKeyError, clear_private_key
from magnum.certificates.encryption import EncryptionError, Keyring, Place, check_canary, seal_canary
from magnum.certificates.rules import SigningRules
from magnum.certificates.stores.base import CertificateStore, CertificateStoreError, CertificateStoreRefusedError
from magnum.conf.x509 import X509
from magnum.db import canary
from magnum.db.engine import Database
from magnum.drivers.base import ClientTls
from magnum.model.clocks import Instant
from magnum.model.clusters import Cluster
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.signing import CaType


def check_keys(database: Database, keyring: Keyring) -> None:
    """Raise `EncryptionError`, naming the key that is missing, unless secrets of this database can be opened."""
    stored = database.read(canary.get)
    if stored is None:
        sealed = seal_canary(keyring)
        stored = database.write(lambda tx: _put_first(tx, sealed))
    check_canary(keyring, stored)


@contextmanager
def store_failures(doing: str) -> Iterator[None]:
    """Turn what the certificate store and the keyring raise into failures of a step."""
    try:
        yield
    except CertificateStoreRefusedError as error:
        raise Fatal(Code.SECRET_STORE, f"Could not {doing}: {error}") from error
    except CertificateStoreError as error:
        raise Retry(Code.SECRET_STORE, f"Could not {doing}: {error}") from error
    except (EncryptionError, PrivateKeyError) as error:
        raise Fatal(Code.SECRET_STORE, f"Could not {doing}: {error}") from error


def trustee_place(cluster_uuid: str) -> Place:
    """Say where the password of a cluster's own user in the cloud is stored."""
    return Place("cluster", "trustee_password", cluster_uuid)


def signing_rules(settings: X509) -> SigningRules:
    """Read section [x509]. Raises ValueError naming the option that cannot be."""
    return SigningRules(
        allow_ca=settings.allow_ca,
        allowed_extensions=frozenset(settings.allowed_extensions),
        allowed_key_usage=frozenset(settings.allowed_key_usage),
        term_of_validity=settings.term_of_validity,
        rsa_key_size=settings.rsa_key_size,
    )


def open_client_tls(store: CertificateStore, cluster: Cluster, beside: Sequence[str]) -> ClientTls:
    """Give Magnum's own client certificate for a cluster; authorities `beside` the one that it names are believed too.

    While a rotation runs its programs may have certificates of either.
    """
    if cluster.ca_cert_ref is None or cluster.magnum_cert_ref is None:
        raise Fatal(Code.SECRET_STORE, "The cluster has no certificates.")
    with store_failures("open Magnum's own certificate for the cluster"):
        own = store.get(cluster.magnum_cert_ref)
        return ClientTls(_certificates(store, cluster.ca_cert_ref, beside), own.certificate, clear_private_key(own))


def lend_client_tls(
    store: CertificateStore,
    cluster: Cluster,
    ca_type: CaType,
    beside: Sequence[str],
    *,
    settings: X509,
    now: Instant,
) -> ClientTls:
    """Give one of another authority than the cluster's first; made now, and never stored."""
    ref = cluster.etcd_ca_cert_ref if ca_type is CaType.ETCD else cluster.front_proxy_ca_cert_ref
    if ref is None or cluster.magnum_cert_ref is None:
        raise Fatal(Code.SECRET_STORE, f"The cluster has no certificates of the authority {ca_type}.")
    with store_failures(f"make a certificate of the cluster's authority {ca_type}"):
        own, authority = store.get(cluster.magnum_cert_ref), store.get(ref)
        certificate = lend_client_certificate(open_authority(authority, ca_type), own, signing_rules(settings), now)
        return ClientTls(_certificates(store, ref, beside), certificate, clear_private_key(own))


def _certificates(store: CertificateStore, named: str, beside: Sequence[str]) -> str:
    refs = dict.fromkeys((named, *beside))
    return "\n".join(store.get(ref).certificate.strip() for ref in refs)


def _put_first(tx: Connection, sealed: str) -> str:
    """Two conductors may start on a fresh database at once; the first one's canary stays."""
    present = canary.get(tx)
    if present is None:
        canary.put(tx, sealed)
    return present or sealed
