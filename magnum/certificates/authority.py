"""Certificate authorities of clusters: make one, make Magnum's own client certificate, sign what nodes and users send.

Every check of a CSR is made here again, whatever the API has checked: `issue` takes text and gives a certificate that
the rules, and for a node its limits, allow. This module opens private keys, so only conductors import it.

Every certificate starts a day ago (clocks differ), has a random serial number, is signed with SHA-256, names its issuer
by the very bytes of the authority's subject, and carries both key identifiers, computed here and written once: by
them a verifier tells two authorities of one cluster apart while one replaces the other, and strict verifiers insist.
"""

import base64
import hashlib
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from magnum.model.clocks import Instant, to_datetime
from magnum.model.signing import CaType, NodeLimits

from .bundle import CertificateBundle, Randomness, encrypted_pem, open_private_key
from .csr import parse_csr
from .limits import ADMINISTRATORS, check_node_request
from .rules import KEY_USAGES, CsrNotAllowed, SigningRules, permitted_extensions

CLIENT_COMMON_NAME = "admin"
_CLOCK_SKEW = timedelta(days=1)
_COMMON_NAME_LENGTH = 64  # RFC 5280, upper bound of a common name
_DIGEST_LENGTH = 8

Extensions = Iterable[tuple[x509.ExtensionType, bool]]
"""Extensions with their criticality."""


@dataclass(frozen=True)
class Authority:
    """An authority that is open for signing. Keep it no longer than it takes."""

    ca_type: CaType
    certificate: x509.Certificate
    private_key: rsa.RSAPrivateKey = field(repr=False)


def new_authority(
    name: str, rules: SigningRules, now: Instant, *, randomness: Randomness = secrets.token_bytes
) -> CertificateBundle:
    """Make a self-signed authority for the cluster of this name (its UUID when it has none)."""
    key = _new_key(rules)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name(name))])
    extensions: Extensions = [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_key_usage("Certificate Sign"), True),
    ]
    draft = _draft(subject, key.public_key(), extensions, rules=rules, now=now, randomness=randomness)
    return _bundle(draft.issuer_name(subject).sign(key, hashes.SHA256()), key, randomness)


def open_authority(bundle: CertificateBundle, ca_type: CaType = CaType.KUBERNETES) -> Authority:
    return Authority(ca_type, x509.load_pem_x509_certificate(bundle.certificate.encode()), open_private_key(bundle))


def new_client_certificate(
    authority: Authority, rules: SigningRules, now: Instant, *, randomness: Randomness = secrets.token_bytes
) -> CertificateBundle:
    """Make the certificate by which Magnum itself administers the cluster."""
    key = _new_key(rules)
    return _bundle(_client_certificate(authority, key, rules, now, randomness), key, randomness)


def lend_client_certificate(
    authority: Authority,
    own: CertificateBundle,
    rules: SigningRules,
    now: Instant,
    *,
    randomness: Randomness = secrets.token_bytes,
) -> str:
    """Certify the key of Magnum's own certificate under another of the cluster's authorities, for one day."""
    rules = msgspec.structs.replace(rules, term_of_validity=1)
    return _pem(_client_certificate(authority, open_private_key(own), rules, now, randomness))


def _client_certificate(
    authority: Authority, key: rsa.RSAPrivateKey, rules: SigningRules, now: Instant, randomness: Randomness
) -> x509.Certificate:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, CLIENT_COMMON_NAME),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ADMINISTRATORS),
        ]
    )
    extensions: Extensions = [
        (_key_usage("Digital Signature", "Key Encipherment"), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
    ]
    draft = _draft(subject, key.public_key(), extensions, rules=rules, now=now, randomness=randomness)
    return _sign(draft, authority)


def issue(
    csr_text: str,
    authority: Authority,
    rules: SigningRules,
    limits: NodeLimits | None,
    now: Instant,
    *,
    randomness: Randomness = secrets.token_bytes,
) -> str:
    """Sign a CSR; `limits` are those of the node that sent it, None for a user. Raises `CsrRefused`."""
    csr = parse_csr(csr_text)
    if limits is not None:
        check_node_request(csr, authority.ca_type, limits)
    permitted = permitted_extensions(csr, rules)
    if limits is not None and not any(isinstance(kept.value, x509.ExtendedKeyUsage) for kept in permitted):
        raise CsrNotAllowed(
            "The service's configuration, [x509] allowed_extensions, lacks extendedKeyUsage. Without it a node's "
            "certificate would be good for every purpose, so none is signed. The operator can add it."
        )
    extensions = [(extension.value, extension.critical) for extension in permitted]
    draft = _draft(csr.subject, csr.public_key(), extensions, rules=rules, now=now, randomness=randomness)
    return _pem(_sign(draft, authority))


def common_name(name: str) -> str:
    """Fit a name into the 64 bytes of a common name: a longer one is cut and told apart by a digest of the whole."""
    encoded = name.encode()
    if len(encoded) <= _COMMON_NAME_LENGTH:
        return name
    head = encoded[: _COMMON_NAME_LENGTH - _DIGEST_LENGTH - 1].decode(errors="ignore")
    return f"{head}-{hashlib.sha256(encoded).hexdigest()[:_DIGEST_LENGTH]}"


def _draft(
    subject: x509.Name,
    key: CertificatePublicKeyTypes,
    extensions: Extensions,
    *,
    rules: SigningRules,
    now: Instant,
    randomness: Randomness,
) -> x509.CertificateBuilder:
    """Give a certificate that lacks only what its issuer says."""
    today = to_datetime(now)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(uuid.UUID(bytes=randomness(16), version=4).int)
        .not_valid_before(today - _CLOCK_SKEW)
        .not_valid_after(today + rules.term)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _sign(draft: x509.CertificateBuilder, authority: Authority) -> x509.Certificate:
    return (
        draft.issuer_name(authority.certificate.subject)
        .add_extension(_authority_key_identifier(authority), critical=False)
        .sign(authority.private_key, hashes.SHA256())
    )


def _authority_key_identifier(authority: Authority) -> x509.AuthorityKeyIdentifier:
    """Repeat the authority's own identifier; an adopted authority may have none, then it is computed from its key."""
    try:
        own = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.private_key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _key_usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{attribute: name in names for name, attribute in KEY_USAGES.items()})


def _new_key(rules: SigningRules) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=rules.rsa_key_size)


def _bundle(certificate: x509.Certificate, key: rsa.RSAPrivateKey, randomness: Randomness) -> CertificateBundle:
    passphrase = _short_id(randomness)
    return CertificateBundle(
        certificate=_pem(certificate), private_key=encrypted_pem(key, passphrase), passphrase=passphrase
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii").strip()


def _short_id(randomness: Randomness) -> str:
    """60 random bits in 12 characters of base32: the form of passphrase that adopted stores hold."""
    return base64.b32encode(randomness(8))[:12].decode("ascii").lower()
