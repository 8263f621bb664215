"""A cluster's authority as our own code makes it, and what it signs for a test's server and for us."""

from collections.abc import Sequence

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from magnum.certificates.authority import Authority, issue, new_authority, new_client_certificate, open_authority
from magnum.certificates.bundle import clear_private_key
from magnum.certificates.rules import SigningRules
from magnum.model.clocks import SystemClock

RULES = SigningRules()
NOW = SystemClock().now()


class Tls(msgspec.Struct, frozen=True):
    ca: str
    certificate: str
    key: str


class ClusterCertificates:
    def __init__(self, name: str) -> None:
        self.authority: Authority = open_authority(new_authority(name, RULES, NOW))
        self.ca = self.authority.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def client(self) -> Tls:
        bundle = new_client_certificate(self.authority, RULES, NOW)
        return Tls(self.ca, bundle.certificate, clear_private_key(bundle))

    def server(self, *names: x509.GeneralName) -> Tls:
        return self._of_machine([ExtendedKeyUsageOID.SERVER_AUTH], names)

    def peer(self, *names: x509.GeneralName) -> Tls:
        """Make what a member of etcd shows to others, whichever of them has called."""
        return self._of_machine([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH], names)

    def _of_machine(self, usages: list[x509.ObjectIdentifier], names: Sequence[x509.GeneralName]) -> Tls:
        key = ec.generate_private_key(ec.SECP256R1())
        csr = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")]))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Tls(self.ca, issue(csr.decode(), self.authority, RULES, None, NOW), private.decode())
