"""[x509]: what the certificates that we sign may carry."""

from typing import Annotated

import msgspec

from .options import Option


class X509(msgspec.Struct, frozen=True, kw_only=True):
    allow_ca: Annotated[bool, Option("Let signed certificates carry the CA flag and the key usages of a CA.")] = False
    allowed_extensions: Annotated[tuple[str, ...], Option("Extensions that a request to sign may ask for.")] = (
        "keyUsage",
        "extendedKeyUsage",
        "subjectAltName",
        "basicConstraints",
        "subjectKeyIdentifier",
    )
    allowed_key_usage: Annotated[tuple[str, ...], Option("Key usages that a request to sign may ask for.")] = (
        "Digital Signature",
        "Key Encipherment",
        "Non Repudiation",
    )
    term_of_validity: Annotated[int, Option("Days for which a certificate is valid.", minimum=1)] = 1825
    rsa_key_size: Annotated[int, Option("Bits of the keys that we make.", minimum=2048)] = 2048
