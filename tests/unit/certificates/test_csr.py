"""Requests as the world sends them: made by openssl, damaged, weak, hostile."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from hypothesis import given, settings
from hypothesis import strategies as st

from magnum.certificates.csr import MAX_CSR_LENGTH, CsrRefused, InvalidCsr, _check_key, parse_csr
from magnum.certificates.limits import check_node_request, swarm_node_limits
from magnum.certificates.rules import SigningRules, permitted_extensions
from magnum.model.signing import CaType


@pytest.fixture(scope="module")
def request_of(openssl):
    """Make a key and a request by openssl and give the request's text."""

    def make(*arguments: str) -> str:
        openssl(
            "req", "-new", "-nodes", "-subj", "/O=acme/CN=node-1", "-out", "out.csr", "-keyout", "out.key", *arguments
        )
        return openssl.read("out.csr")

    return make


@pytest.fixture(scope="module")
def good(request_of, openssl_key):
    return request_of("-key", openssl_key)


@pytest.mark.parametrize(
    "key",
    [
        ("-newkey", "rsa:2048"),
        ("-newkey", "rsa:3072", "-sha512"),
        ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-sha384"),
        ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"),
        ("-newkey", "ed25519"),
    ],
)
def test_strong_requests_of_openssl_are_read(request_of, key):
    assert parse_csr(request_of(*key)).subject.rfc4514_string() == "CN=node-1,O=acme"


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (("-newkey", "rsa:1024"), "RSA key has 1024 bits"),
        (("-newkey", "rsa:512"), "RSA key has 512 bits"),
        (("-newkey", "rsa:2048", "-pkeyopt", "rsa_keygen_pubexp:3"), "a public exponent below 65537"),
        (("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"), "curve secp256k1"),
        (("-newkey", "ed448"), "a Ed448 key"),
    ],
)
def test_weak_keys_are_refused_with_advice(request_of, key, told):
    with pytest.raises(InvalidCsr, match=told) as refusal:
        parse_csr(request_of(*key))
    assert "Use " in str(refusal.value)


def test_a_dsa_key_is_refused(request_of, openssl):
    openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:2048", "-out", "dsa.parameters")
    openssl("genpkey", "-paramfile", "dsa.parameters", "-out", "dsa.key")
    with pytest.raises(InvalidCsr, match="a DSA key"):
        parse_csr(request_of("-key", "dsa.key"))


@pytest.mark.parametrize("bits", [2047, 8193])
def test_the_size_of_an_rsa_key_is_bounded_on_both_sides(bits):
    with pytest.raises(InvalidCsr, match=f"has {bits} bits"):
        _check_key(rsa.RSAPublicNumbers(e=65537, n=(1 << (bits - 1)) + 1).public_key())


@pytest.mark.parametrize("exponent", [3, 65535, 2**31 + 1, 2**300 + 1])
def test_an_exponent_out_of_bounds_is_refused(exponent):
    with pytest.raises(InvalidCsr, match="public exponent"):
        _check_key(rsa.RSAPublicNumbers(e=exponent, n=(1 << 2047) + 1).public_key())


@pytest.mark.parametrize("digest", ["md5", "sha1"])
def test_weak_digests_are_refused(request_of, openssl_key, digest):
    with pytest.raises(InvalidCsr, match=f"signed with {digest.upper()}"):
        parse_csr(request_of("-key", openssl_key, f"-{digest}"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not PEM"),
        ("hello", "not PEM"),
        ("\ud800", "not PEM"),
        ("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n", "not a well-formed"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nMIIC\n", "not PEM"),
        ("-----BEGIN CERTIFICATE REQUEST-----\n!!!!\n-----END CERTIFICATE REQUEST-----\n", "not PEM"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nMIIC\n-----END CERTIFICATE REQUEST-----\n", "not a well-formed"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nMII\n-----END CERTIFICATE REQUEST-----\n", "not a well-formed"),
        ("x" * (MAX_CSR_LENGTH + 1), "16385 characters long"),
    ],
)
def test_what_is_no_request_is_refused_clearly(text, told):
    with pytest.raises(InvalidCsr, match=told):
        parse_csr(text)


def test_der_is_refused(good):
    der = parse_csr(good).public_bytes(serialization.Encoding.DER)
    with pytest.raises(InvalidCsr, match="not PEM"):
        parse_csr(der.decode("latin-1"))


def test_garbage_behind_the_request_inside_the_block_is_refused(good):
    der = parse_csr(good).public_bytes(serialization.Encoding.DER)
    with pytest.raises(InvalidCsr, match="well-formed"):
        parse_csr(_pem(der + b"garbage"))


def test_text_around_the_block_is_ignored(request_of, openssl_key, good):
    explained = request_of("-key", openssl_key, "-text", "-newhdr")  # openssl explains the request before the block
    assert "NEW CERTIFICATE REQUEST" in explained
    expected = parse_csr(good).subject
    for text in (explained, "\ufeffGrüße\n" + good + "-- \nmy signature\n", good.replace("\n", "\r\n"), good.strip()):
        assert parse_csr(text).subject == expected


def test_a_private_key_beside_the_request_is_named_and_not_repeated(good, openssl, openssl_key):
    key = openssl.read(openssl_key)
    with pytest.raises(InvalidCsr, match="holds a PRIVATE KEY") as refusal:
        parse_csr(good + key)
    assert key.splitlines()[3] not in str(refusal.value)


def test_two_requests_are_refused(good):
    with pytest.raises(InvalidCsr, match="2 certificate requests"):
        parse_csr(good + good)


def test_a_signature_by_another_key_is_refused(make_csr, good):
    own = parse_csr(make_csr("node-1")).public_bytes(serialization.Encoding.DER)
    damaged = bytearray(own)
    damaged[own.index(b"node-1")] ^= 1  # "ode-1" of another name, still well-formed
    with pytest.raises(InvalidCsr, match="signature does not fit"):
        parse_csr(_pem(bytes(damaged)))


@pytest.mark.parametrize(
    "oid",
    [
        ExtensionOID.KEY_USAGE,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    ],
)
@pytest.mark.parametrize("content", [b"", b"\x00", b"\x30\x03\x02\x01\x05", b"\x03\x05\x00\x00"])
def test_a_soundly_signed_request_with_a_malformed_extension_is_refused(make_csr, oid, content):
    with pytest.raises(InvalidCsr, match="well-formed"):
        parse_csr(make_csr(extensions=[(x509.UnrecognizedExtension(oid, content), False)]))


@pytest.mark.parametrize(
    ("written", "instead"),
    [(b"\x02\x01\x00", b"\x02\x01\x01"), (b"\x0c\x06node-1", b"\x03\x06node-1")],
    ids=["another version", "a common name of bits"],
)
def test_a_request_that_is_no_pkcs10_in_detail_is_refused(make_csr, written, instead):
    der = parse_csr(make_csr("node-1")).public_bytes(serialization.Encoding.DER)
    assert written in der
    with pytest.raises(InvalidCsr, match="well-formed"):
        parse_csr(_pem(der.replace(written, instead, 1)))


def test_an_alternative_name_of_a_kind_that_nobody_uses_is_refused(make_csr):
    x400_address = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x02\xa3\x00")
    with pytest.raises(InvalidCsr, match="well-formed"):
        parse_csr(make_csr(extensions=[(x400_address, False)]))


def test_an_extension_that_comes_twice_is_refused(openssl, openssl_key):
    """A server could look at the one and a client at the other."""
    openssl.write(
        "twice.cnf",
        "[req]\nprompt=no\ndistinguished_name=dn\nreq_extensions=extensions\n[dn]\nCN=node-1\n"
        "[extensions]\nextendedKeyUsage=serverAuth\n2.5.29.37=DER:300a06082b06010505070302\n",
    )
    openssl("req", "-new", "-config", "twice.cnf", "-key", openssl_key, "-out", "twice.csr")
    with pytest.raises(InvalidCsr, match="well-formed"):
        parse_csr(openssl.read("twice.csr"))


@pytest.fixture(scope="module")
def rich(make_csr):
    """The DER of a request with several extensions."""
    extensions = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.SubjectAlternativeName([x509.DNSName("node-1")]), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    ]
    return parse_csr(make_csr(extensions=extensions)).public_bytes(serialization.Encoding.DER)


@settings(max_examples=300)
@given(data=st.data())
def test_damage_anywhere_raises_nothing_but_a_refusal(rich, data):
    damaged = bytearray(rich)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(damaged), len(damaged) - 1, len(damaged) // 2]))
    try:
        csr = parse_csr(_pem(bytes(damaged[:cut])))
        permitted_extensions(csr, SigningRules())
        check_node_request(csr, CaType.KUBERNETES, swarm_node_limits("node-1", "10.0.0.5"))
    except CsrRefused as refusal:
        assert str(refusal).isprintable()  # noqa: PT017  nothing raised is fine too


def _pem(der: bytes) -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"
