"""What any signed certificate may contain: the operator's rules, section [x509] of the configuration.

The extension filter is the one that the service always had. An extension whose name is allowed is kept; another one is
refused when its sender marked it critical, and dropped when not. Key usages go the same way bit by bit, and so does
the CA flag. The subject is the requester's own: who may ask for which is decided before, by policy and by `limits`.

Invariant: nothing that the rules do not allow leaves `permitted_extensions`. The two key identifiers never do: they
are the issuer's statements, computed in `authority`.
"""

from datetime import timedelta

import msgspec
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from .csr import RSA_KEY_SIZES, CsrRefused

EXTENSION_NAMES = {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER: "authorityKeyIdentifier",
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: "subjectKeyIdentifier",
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS: "authorityInfoAccess",
    ExtensionOID.BASIC_CONSTRAINTS: "basicConstraints",
    ExtensionOID.CRL_DISTRIBUTION_POINTS: "cRLDistributionPoints",
    ExtensionOID.CERTIFICATE_POLICIES: "certificatePolicies",
    ExtensionOID.EXTENDED_KEY_USAGE: "extendedKeyUsage",
    ExtensionOID.OCSP_NO_CHECK: "OCSPNoCheck",
    ExtensionOID.INHIBIT_ANY_POLICY: "inhibitAnyPolicy",
    ExtensionOID.KEY_USAGE: "keyUsage",
    ExtensionOID.NAME_CONSTRAINTS: "nameConstraints",
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME: "subjectAltName",
    ExtensionOID.ISSUER_ALTERNATIVE_NAME: "issuerAltName",
}
KEY_USAGES = {
    "Digital Signature": "digital_signature",
    "Non Repudiation": "content_commitment",
    "Key Encipherment": "key_encipherment",
    "Data Encipherment": "data_encipherment",
    "Key Agreement": "key_agreement",
    "Certificate Sign": "key_cert_sign",
    "CRL Sign": "crl_sign",
    "Encipher Only": "encipher_only",
    "Decipher Only": "decipher_only",
}
CA_KEY_USAGES = frozenset({"Certificate Sign", "CRL Sign"})
_KEY_AGREEMENT_MODES = frozenset({"Encipher Only", "Decipher Only"})
_LONGEST_TERM = 1_000_000  # days; a date must fit the four digits of its year


class CsrNotAllowed(CsrRefused):
    """The CSR is sound, but asks for something that may not be signed."""


class SigningRules(msgspec.Struct, frozen=True, kw_only=True):
    """Section [x509] of the configuration, names and defaults alike; `msgspec.convert` makes one of the other."""

    allow_ca: bool = False
    allowed_extensions: frozenset[str] = frozenset(
        {"keyUsage", "extendedKeyUsage", "subjectAltName", "basicConstraints", "subjectKeyIdentifier"}
    )
    allowed_key_usage: frozenset[str] = frozenset({"Digital Signature", "Key Encipherment", "Non Repudiation"})
    term_of_validity: int = 1825
    rsa_key_size: int = 2048

    def __post_init__(self) -> None:
        _check_names("allowed_extensions", self.allowed_extensions, frozenset(EXTENSION_NAMES.values()))
        _check_names("allowed_key_usage", self.allowed_key_usage, frozenset(KEY_USAGES))
        if not 1 <= self.term_of_validity <= _LONGEST_TERM:
            raise ValueError(
                f"[x509] term_of_validity is {self.term_of_validity}; it must be 1 to {_LONGEST_TERM} days"
            )
        if self.rsa_key_size not in RSA_KEY_SIZES:
            raise ValueError(f"[x509] rsa_key_size is {self.rsa_key_size}; it must be 2048 to 8192 bits")

    @property
    def term(self) -> timedelta:
        return timedelta(days=self.term_of_validity)

    @property
    def usable_key_usage(self) -> frozenset[str]:
        return self.allowed_key_usage if self.allow_ca else self.allowed_key_usage - CA_KEY_USAGES


def permitted_extensions(
    csr: x509.CertificateSigningRequest, rules: SigningRules
) -> list[x509.Extension[x509.ExtensionType]]:
    """Give what of the CSR's extensions goes into the certificate; a critical one that may not is a `CsrNotAllowed`."""
    kept = (_permitted(extension, rules) for extension in csr.extensions)
    return [extension for extension in kept if extension is not None]


def extension_name(extension: x509.Extension[x509.ExtensionType]) -> str:
    return EXTENSION_NAMES.get(extension.oid, extension.oid.dotted_string)


def key_usage_names(usage: x509.KeyUsage) -> frozenset[str]:
    """Name the bits that are set. The last two have a meaning, and can be read, beside Key Agreement only."""
    readable = KEY_USAGES if usage.key_agreement else KEY_USAGES.keys() - _KEY_AGREEMENT_MODES
    return frozenset(name for name in readable if getattr(usage, KEY_USAGES[name]))


def _permitted(
    extension: x509.Extension[x509.ExtensionType], rules: SigningRules
) -> x509.Extension[x509.ExtensionType] | None:
    name = extension_name(extension)
    if name not in rules.allowed_extensions:
        if extension.critical:
            raise CsrNotAllowed(
                f"The CSR's extension {name} is critical and may not be signed; "
                f"allowed are {_listed(rules.allowed_extensions)}."
            )
        return None
    match extension.value:
        case x509.SubjectKeyIdentifier() | x509.AuthorityKeyIdentifier():
            return None
        case x509.KeyUsage():
            return _permitted_key_usage(extension.value, rules, critical=extension.critical)
        case x509.BasicConstraints(ca=True) if not rules.allow_ca:
            if extension.critical:
                raise CsrNotAllowed(
                    "The CSR's critical extension basicConstraints asks for a CA, which is not allowed."
                )
            return x509.Extension(extension.oid, False, x509.BasicConstraints(ca=False, path_length=None))
        case _:
            return extension


def _permitted_key_usage(
    usage: x509.KeyUsage, rules: SigningRules, *, critical: bool
) -> x509.Extension[x509.ExtensionType] | None:
    asked = key_usage_names(usage)
    refused = asked - rules.usable_key_usage
    if refused and critical:
        raise CsrNotAllowed(
            f"The CSR's critical extension keyUsage asks for {_listed(refused)}, which may not be signed; "
            f"allowed are {_listed(rules.usable_key_usage)}."
        )
    kept = asked - refused
    if "Key Agreement" not in kept:
        kept -= _KEY_AGREEMENT_MODES
    if not kept:  # a key usage without any bit is malformed (RFC 5280, 4.2.1.3), so it goes as a whole
        return None
    bits = x509.KeyUsage(**{attribute: name in kept for name, attribute in KEY_USAGES.items()})
    return x509.Extension(x509.KeyUsage.oid, critical, bits)


def _check_names(option: str, names: frozenset[str], known: frozenset[str]) -> None:
    unknown = names - known
    if unknown:
        raise ValueError(f"[x509] {option} has {_listed(unknown)}; known are {_listed(known)}")


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
