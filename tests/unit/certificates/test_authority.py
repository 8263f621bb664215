"""What is generated, field by field; and that openssl agrees."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from magnum.certificates.authority import Authority, common_name, issue, new_authority, open_authority
from magnum.certificates.bundle import CertificateBundle, PrivateKeyError, open_private_key
from magnum.certificates.csr import InvalidCsr
from magnum.certificates.limits import swarm_node_limits
from magnum.certificates.rules import CsrNotAllowed, SigningRules, key_usage_names
from magnum.model.clocks import MICROSECONDS
from magnum.model.signing import CaType

NOON = datetime(2031, 3, 4, 12, 0, 7, tzinfo=UTC)
NOON_INSTANT = int(NOON.timestamp()) * MICROSECONDS + 123_456


def same_bytes(length: int) -> bytes:
    return b"\xa7" * length


def load(text: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(text.encode())


def extensions_of(certificate: x509.Certificate) -> dict[str, bool]:
    return {type(extension.value).__name__: extension.critical for extension in certificate.extensions}


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind).value


def test_the_authority_of_a_cluster(authority_bundle):
    certificate = load(authority_bundle.certificate)
    assert certificate.subject.rfc4514_string() == "CN=seafood"
    assert certificate.issuer == certificate.subject
    assert extensions_of(certificate) == {"BasicConstraints": True, "KeyUsage": True, "SubjectKeyIdentifier": False}
    assert extension(certificate, x509.BasicConstraints) == x509.BasicConstraints(ca=True, path_length=0)
    assert key_usage_names(extension(certificate, x509.KeyUsage)) == {"Certificate Sign"}
    certificate.verify_directly_issued_by(certificate)


def test_magnum_s_own_client_certificate(client_bundle, authority):
    certificate = load(client_bundle.certificate)
    assert certificate.subject.rfc4514_string() == "O=system:masters,CN=admin"
    assert extensions_of(certificate) == {
        "KeyUsage": True,
        "ExtendedKeyUsage": False,
        "BasicConstraints": True,
        "SubjectKeyIdentifier": False,
        "AuthorityKeyIdentifier": False,
    }
    assert key_usage_names(extension(certificate, x509.KeyUsage)) == {"Digital Signature", "Key Encipherment"}
    assert list(extension(certificate, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert extension(certificate, x509.BasicConstraints) == x509.BasicConstraints(ca=False, path_length=None)
    certificate.verify_directly_issued_by(authority.certificate)


@pytest.mark.parametrize("which", ["authority_bundle", "client_bundle"])
def test_keys_and_passphrases(request, which):
    bundle: CertificateBundle = request.getfixturevalue(which)
    key = open_private_key(bundle)
    assert (key.key_size, key.public_key().public_numbers().e) == (2048, 65537)
    assert key.public_key() == load(bundle.certificate).public_key()
    assert bundle.private_key.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert len(bundle.passphrase) == 12
    assert set(bundle.passphrase) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert bundle.certificate == bundle.certificate.strip()
    assert load(bundle.certificate).signature_hash_algorithm.name == "sha256"


def test_the_size_of_keys_is_configurable():
    key = open_private_key(new_authority("big", SigningRules(rsa_key_size=3072), NOON_INSTANT))
    assert key.key_size == 3072


def test_time_and_randomness_are_the_caller_s(make_csr, authority_bundle, authority):
    rules = SigningRules(term_of_validity=10)
    bundle = new_authority("seafood", rules, NOON_INSTANT, randomness=same_bytes)
    signed = issue(make_csr(), authority, rules, None, NOON_INSTANT, randomness=same_bytes)
    for certificate in (load(bundle.certificate), load(signed)):
        assert certificate.not_valid_before_utc == NOON - timedelta(days=1)
        assert certificate.not_valid_after_utc == NOON + timedelta(days=10)
        assert certificate.serial_number == 0xA7A7A7A7A7A747A7A7A7A7A7A7A7A7A7  # a UUID of version 4
    assert bundle.passphrase == "u6t2pj5hu6t2"


def test_serial_numbers_and_passphrases_differ(authority_bundle, client_bundle):
    assert load(authority_bundle.certificate).serial_number != load(client_bundle.certificate).serial_number
    assert authority_bundle.passphrase != client_bundle.passphrase


def test_a_validity_beyond_2050_is_written_as_it_must(make_csr, authority):
    certificate = load(issue(make_csr(), authority, SigningRules(term_of_validity=36_500), None, NOON_INSTANT))
    assert certificate.not_valid_after_utc == NOON + timedelta(days=36_500)


def test_the_issuer_is_the_authority_s_subject_and_key(make_csr, authority, rules, now):
    certificate = load(issue(make_csr(), authority, rules, None, now))
    assert certificate.issuer.public_bytes() == authority.certificate.subject.public_bytes()
    own = extension(authority.certificate, x509.SubjectKeyIdentifier).digest
    assert extension(certificate, x509.AuthorityKeyIdentifier).key_identifier == own


def test_an_adopted_authority_without_key_identifier_signs_too(make_csr, authority, rules, now):
    """Authorities made by older releases have none."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "old")])
    bare = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(authority.private_key.public_key())
        .serial_number(1)
        .not_valid_before(NOON)
        .not_valid_after(NOON + timedelta(days=1))
        .sign(authority.private_key, hashes.SHA256())
    )
    old = Authority(CaType.KUBERNETES, bare, authority.private_key)
    certificate = load(issue(make_csr(), old, rules, None, now))
    certificate.verify_directly_issued_by(bare)
    expected = x509.SubjectKeyIdentifier.from_public_key(authority.private_key.public_key()).digest
    assert extension(certificate, x509.AuthorityKeyIdentifier).key_identifier == expected


@pytest.mark.parametrize("length", [1, 63, 64])
def test_a_name_that_fits_is_the_common_name(length):
    assert common_name("n" * length) == "n" * length


@pytest.mark.parametrize("name", ["n" * 65, "n" * 242, "é" * 33, "n" * 54 + "éé" + "n" * 20])
def test_a_longer_name_is_cut_to_fit_and_stays_its_own(name):
    cut = common_name(name)
    assert len(cut.encode()) <= 64
    assert name.startswith(cut[:-9])
    assert cut != common_name(name + "x")
    assert cut == common_name(name)


def test_an_authority_can_have_the_longest_name(rules, now):
    certificate = load(new_authority("n" * 242, rules, now).certificate)
    assert certificate.subject.rfc4514_string() == "CN=" + common_name("n" * 242)


def test_every_check_is_made_again_before_signing(make_csr, authority, rules, now):
    with pytest.raises(InvalidCsr):
        issue("nonsense", authority, rules, None, now)
    with pytest.raises(CsrNotAllowed, match="subject"):
        issue(make_csr("node-2"), authority, rules, swarm_node_limits("node-1", "10.0.0.5"), now)


def test_the_kind_of_authority_is_checked_against_the_node_s_limits(make_csr, authority_bundle, rules, now):
    etcd = open_authority(authority_bundle, CaType.ETCD)
    asked = make_csr(extensions=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)])
    with pytest.raises(CsrNotAllowed, match="etcd CA"):
        issue(asked, etcd, rules, swarm_node_limits("node-1", "10.0.0.5"), now)


def test_an_authority_whose_key_does_not_open_says_so(authority_bundle, client_bundle):
    wrong = CertificateBundle(
        certificate=authority_bundle.certificate,
        private_key=authority_bundle.private_key,
        passphrase=client_bundle.passphrase,
    )
    with pytest.raises(PrivateKeyError, match="cannot be opened"):
        open_authority(wrong)


@pytest.fixture(scope="module")
def node_pem(openssl, openssl_key, sign):
    """A node's certificate, asked for by openssl."""
    openssl(
        *("req", "-new", "-key", openssl_key, "-subj", "/CN=node-1", "-out", "node.csr"),
        *("-addext", "subjectAltName=DNS:node-1,IP:10.0.0.5", "-addext", "extendedKeyUsage=serverAuth"),
        *("-addext", "keyUsage=critical,digitalSignature,keyEncipherment", "-addext", "subjectKeyIdentifier=hash"),
    )
    certificate = sign(openssl.read("node.csr"), limits=swarm_node_limits("node-1", "10.0.0.5"))
    return certificate.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("arguments", "accepted"),
    [
        (("-purpose", "sslserver"), True),
        (("-purpose", "sslserver", "-x509_strict"), True),
        (("-purpose", "sslserver", "-verify_ip", "10.0.0.5", "-verify_hostname", "node-1"), True),
        (("-purpose", "sslserver", "-verify_ip", "10.0.0.6"), False),
        (("-purpose", "sslclient"), False),
    ],
)
def test_openssl_verifies_a_node_s_certificate(openssl, node_pem, authority_bundle, arguments, accepted):
    openssl.write("node.pem", node_pem)
    openssl.write("ca.pem", authority_bundle.certificate)
    verdict = openssl("verify", "-CAfile", "ca.pem", *arguments, "node.pem", check=False)
    assert (verdict.returncode == 0) is accepted, verdict.stderr


def test_openssl_verifies_the_client_certificate_and_no_other_authority_s(
    openssl, authority_bundle, client_bundle, rules, now
):
    stranger = new_authority("seafood", rules, now)  # even of the same name
    for name, bundle in {"own.pem": authority_bundle, "other.pem": stranger, "client.pem": client_bundle}.items():
        openssl.write(name, bundle.certificate)
    strict = ("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile")
    assert openssl(*strict, "own.pem", "client.pem", check=False).returncode == 0
    assert openssl(*strict, "other.pem", "client.pem", check=False).returncode != 0
