"""The key by which nodes know the service of their host.

It is made once and kept, because nodes hold its pin: the base64 SHA-256 of the public key, as `curl --pinnedpubkey`
takes it. The certificate around it says nothing that anybody checks.
"""

import base64
import hashlib
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from magnum.certificates.private_files import write_private_file

_YEARS_VALID = 30


def ensure_identity(path: Path, now: datetime) -> str:
    """Make the file with key and certificate unless it is there; give its pin."""
    if not path.exists():
        write_private_file(path, _new_identity(now), replace=False)
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    public_key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(hashlib.sha256(public_key).digest()).decode()


def _new_identity(now: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "magnum")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _YEARS_VALID))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
