"""Read a certificate signing request (CSR) that a stranger sent.

Decides whether a text is a request that can be used at all: bounded, one PEM block, readable to the last field, made
with a key and a digest that are strong today, and signed by its own key. What it may contain is for `rules` (everybody)
and `limits` (nodes) to say.

Public part: no private key is near, the API and conductors both use it. A CSR that left `parse_csr` can be read
without any further error: every part that the library decodes lazily has been decoded once.
"""

import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

MAX_CSR_LENGTH = 16 * 1024
RSA_KEY_SIZES = range(2048, 8192 + 1)
# Below 65537 textbook attacks begin; above 31 bits the TLS library of Go, which dockerd and Kubernetes use, gives up.
RSA_EXPONENTS = range(65537, 2**31, 2)
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_DIGESTS = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_KEY_ADVICE = "Use RSA with 2048 to 8192 bits, EC on P-256, P-384 or P-521, or Ed25519."
_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,64})-----")
_BLOCK = re.compile(
    r"-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----[A-Za-z0-9+/=\s]+-----END \1-----",
    re.ASCII,
)


class CsrRefused(Exception):  # noqa: N818  not a defect of ours: the requester's 400
    """A CSR is not going to be signed; the text says why, for the one who sent it."""


class InvalidCsr(CsrRefused):
    """The CSR cannot be used: malformed, weak, or not signed by its own key."""


def parse_csr(text: str) -> x509.CertificateSigningRequest:
    """Read a PEM request and check its strength and its signature; text around the PEM block is ignored (RFC 7468)."""
    block = _pem_block(text)
    try:
        csr = x509.load_pem_x509_csr(block.encode("ascii"))
        key, digest, _, _ = csr.public_key(), csr.signature_hash_algorithm, csr.subject, csr.extensions
    except UnsupportedAlgorithm:
        raise InvalidCsr(f"The CSR uses a key or signature algorithm that is not supported. {_KEY_ADVICE}") from None
    except (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        # What the library says of it is about ASN.1 and helps nobody who sends a CSR.
        raise InvalidCsr(
            "The CSR is not a well-formed PKCS #10 certificate request. "
            "'openssl req -in FILE -noout -text -verify' may show what is wrong with it."
        ) from None
    _check_key(key)
    if digest is not None and not isinstance(digest, _DIGESTS):  # Ed25519 has its own digest, named nowhere
        raise InvalidCsr(f"The CSR is signed with {digest.name.upper()}; use SHA-256, SHA-384 or SHA-512.")
    if not csr.is_signature_valid:
        raise InvalidCsr("The CSR's signature does not fit its public key; it was damaged or made with another key.")
    return csr


def _pem_block(text: str) -> str:
    """Find the only PEM block. A second one could be a private key, or the request that somebody else checked."""
    if len(text) > MAX_CSR_LENGTH:
        raise InvalidCsr(f"The CSR is {len(text)} characters long; at most {MAX_CSR_LENGTH} are accepted.")
    labels = _LABEL.findall(text)
    foreign = next((label for label in labels if not label.endswith("CERTIFICATE REQUEST")), None)
    if foreign is not None:
        raise InvalidCsr(
            f"The text holds a {foreign}. Send the certificate request alone; a private key stays at home."
        )
    if len(labels) > 1:
        raise InvalidCsr(f"The text holds {len(labels)} certificate requests. Send them one by one.")
    block = _BLOCK.search(text)
    if block is None:
        raise InvalidCsr(
            "The CSR is not PEM text: it must hold one complete block from '-----BEGIN CERTIFICATE REQUEST-----' "
            "to '-----END CERTIFICATE REQUEST-----'."
        )
    return block.group()


def _check_key(key: CertificatePublicKeyTypes) -> None:
    match key:
        case rsa.RSAPublicKey():
            if key.key_size not in RSA_KEY_SIZES:
                raise InvalidCsr(f"The CSR's RSA key has {key.key_size} bits. {_KEY_ADVICE}")
            if key.public_numbers().e not in RSA_EXPONENTS:
                raise InvalidCsr("The CSR's RSA key has a public exponent below 65537 or above 2^31. Use 65537.")
        case ec.EllipticCurvePublicKey():
            if not isinstance(key.curve, _CURVES):
                raise InvalidCsr(f"The CSR's EC key is on the curve {key.curve.name}. {_KEY_ADVICE}")
        case ed25519.Ed25519PublicKey():
            pass
        case _:
            kind = type(key).__name__.strip("_").removesuffix("PublicKey")
            raise InvalidCsr(f"The CSR's key is a {kind} key, which is not accepted. {_KEY_ADVICE}")
