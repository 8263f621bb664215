"""A certificate with its private key, as it travels between an authority and a store.

The key is PKCS #8 PEM, encrypted with the passphrase beside it: the form that the adopted tables and files hold, so it
protects nothing by itself; what does is `encryption`, in the stores. For conductors only.

Invariant: a bundle shows nothing but its certificate, in no repr and in no error.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

Randomness = Callable[[int], bytes]
"""Give that many random bytes, like `secrets.token_bytes`."""


class PrivateKeyError(Exception):
    """A stored private key cannot be opened."""


class CertificateBundle(msgspec.Struct, frozen=True, kw_only=True):
    """All PEM; intermediates are the certificates between this one and its root, if any."""

    certificate: str
    private_key: str
    passphrase: str | None
    intermediates: str | None = None

    def __repr__(self) -> str:
        return f"CertificateBundle(certificate={self.certificate!r}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("certificate", self.certificate)]


def encrypted_pem(key: rsa.RSAPrivateKey, passphrase: str) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    ).decode("ascii")


def open_private_key(bundle: CertificateBundle) -> rsa.RSAPrivateKey:
    """Decrypt the key. Adopted rows may hold one that is not encrypted and has no passphrase."""
    password = bundle.passphrase.encode() if bundle.passphrase else None
    try:
        key = serialization.load_pem_private_key(bundle.private_key.encode(), password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise PrivateKeyError(
            "The private key of this certificate cannot be opened with the passphrase stored beside it: "
            f"one of them was changed or damaged. The certificate is\n{bundle.certificate}"
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise PrivateKeyError(
            f"The private key of this certificate is no RSA key. The certificate is\n{bundle.certificate}"
        )
    return key


def clear_private_key(bundle: CertificateBundle) -> str:
    """Give the key as PKCS #8 PEM without encryption, as TLS libraries want it. Never store or log it."""
    return (
        open_private_key(bundle)
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode("ascii")
    )
