import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from magnum.certificates.authority import Authority, issue, new_authority, new_client_certificate, open_authority
from magnum.certificates.bundle import CertificateBundle
from magnum.certificates.rules import SigningRules
from magnum.model.clocks import Instant, SystemClock
from magnum.model.signing import NodeLimits

MakeCsr = Callable[..., str]
Sign = Callable[..., x509.Certificate]


@pytest.fixture(scope="session")
def now() -> Instant:
    """The real time: TLS libraries and `openssl verify` look at their own clock."""
    return SystemClock().now()


@pytest.fixture(scope="session")
def rules() -> SigningRules:
    return SigningRules()


@pytest.fixture(scope="session")
def authority_bundle(rules: SigningRules, now: Instant) -> CertificateBundle:
    return new_authority("seafood", rules, now)


@pytest.fixture(scope="session")
def authority(authority_bundle: CertificateBundle) -> Authority:
    return open_authority(authority_bundle)


@pytest.fixture(scope="session")
def client_bundle(authority: Authority, rules: SigningRules, now: Instant) -> CertificateBundle:
    return new_client_certificate(authority, rules, now)


@pytest.fixture(scope="session")
def node_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def make_csr(node_key: ec.EllipticCurvePrivateKey) -> MakeCsr:
    """Make a CSR: a common name or a whole subject, and extensions with their criticality."""

    def make(subject: str | x509.Name = "node-1", extensions: Iterable[tuple[x509.ExtensionType, bool]] = ()) -> str:
        if isinstance(subject, str):
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(node_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    return make


@pytest.fixture(scope="session")
def sign(authority: Authority, now: Instant) -> Sign:
    """Have a request signed and read the certificate."""

    def sign(text: str, rules: SigningRules | None = None, limits: NodeLimits | None = None) -> x509.Certificate:
        return x509.load_pem_x509_certificate(issue(text, authority, rules or SigningRules(), limits, now).encode())

    return sign


class OpenSsl:
    """The command `openssl`, run in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["openssl", *arguments], cwd=self.directory, check=check, capture_output=True, text=True, timeout=60
        )

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)

    def read(self, name: str) -> str:
        return (self.directory / name).read_text()


@pytest.fixture(scope="session")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> OpenSsl:
    return OpenSsl(tmp_path_factory.mktemp("openssl"))


@pytest.fixture(scope="session")
def openssl_key(openssl: OpenSsl) -> str:
    """An RSA-2048 key that several requests are made with."""
    openssl("genrsa", "-out", "rsa2048.key", "2048")
    return "rsa2048.key"
