"""Whether a request was made by the holder of a certificate: how a node proves itself once its token has ended.

The node signs method, path, time and the digest of the body with the key of its current certificate. What is decided
here: the signature is that key's, the time is close to ours, and the certificate is one that the cluster's authorities
gave and that is in force. Whose the certificate is, and what its holder may ask for, is decided elsewhere. A request
that is sent again within those minutes is granted again: it asks for the same as before, over a connection that nobody
else reads.

Public part: no private key is near. Whatever is sent, the outcome is a certificate or `ProofRefused`, whose text never
says more.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from magnum.model.clocks import MICROSECONDS, Instant, to_datetime

PROTOCOL = "magnum-node-1"
MOST_APART = 300
"""Seconds between the node's clock and ours."""
_LONGEST_CERTIFICATE = 6144
_LONGEST_SIGNATURE = 128
_LONGEST_TIME = 12


class ProofRefused(Exception):  # noqa: N818  not a defect of ours: the sender's 401
    """The proof does not hold."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a request carries, as text: the certificate (DER, base64), Unix seconds, and the signature (DER, base64)."""

    certificate: str
    time: str
    signature: str


class Subject(msgspec.Struct, frozen=True):
    common_name: str
    organizations: tuple[str, ...] = ()


def signed_text(method: str, path: str, time: str, body: bytes) -> bytes:
    """Give what is signed: each on a line, the digest of the body in hexadecimal."""
    return f"{PROTOCOL}\n{method}\n{path}\n{time}\n{hashlib.sha256(body).hexdigest()}\n".encode()


def holder(proof: Proof, method: str, path: str, body: bytes, *, now: Instant, authorities: Sequence[str]) -> Subject:
    """Name whose certificate has signed this request. `authorities` (PEM) are those that are believed."""
    try:
        certificate = x509.load_der_x509_certificate(_decoded(proof.certificate, _LONGEST_CERTIFICATE))
        _check_time(proof.time, now)
        _check_signature(certificate, proof, signed_text(method, path, proof.time, body))
        _check_issuer(certificate, authorities, now)
        return _subject(certificate.subject)
    except (ValueError, TypeError, binascii.Error, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion):
        raise ProofRefused from None


def _decoded(text: str, longest: int) -> bytes:
    if len(text) > longest:
        raise ProofRefused
    return base64.b64decode(text, validate=True)


def _check_time(text: str, now: Instant) -> None:
    if len(text) > _LONGEST_TIME or not (text.isascii() and text.isdigit()):
        raise ProofRefused
    if abs(int(text) - now // MICROSECONDS) > MOST_APART:
        raise ProofRefused


def _check_signature(certificate: x509.Certificate, proof: Proof, text: bytes) -> None:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ProofRefused
    key.verify(_decoded(proof.signature, _LONGEST_SIGNATURE), text, ec.ECDSA(hashes.SHA256()))


def _check_issuer(certificate: x509.Certificate, authorities: Sequence[str], now: Instant) -> None:
    at = to_datetime(now)
    if not certificate.not_valid_before_utc <= at < certificate.not_valid_after_utc:
        raise ProofRefused
    if not any(_is_issued_by(certificate, authority) for authority in authorities):
        raise ProofRefused


def _is_issued_by(certificate: x509.Certificate, authority: str) -> bool:
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.encode()))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _subject(name: x509.Name) -> Subject:
    """Read a subject of one common name and organisations; any other is nobody's here."""
    if any(part.oid not in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME) for part in name):
        raise ProofRefused
    [common_name] = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    organizations = name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return Subject(str(common_name.value), tuple(str(one.value) for one in organizations))
