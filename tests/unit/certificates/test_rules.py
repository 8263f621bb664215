"""The extension filter: its rules one by one, then as properties of issued certificates."""

import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    CertificatePoliciesOID,
    ExtendedKeyUsageOID,
    NameOID,
)
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from magnum.certificates.csr import parse_csr
from magnum.certificates.rules import (
    CA_KEY_USAGES,
    EXTENSION_NAMES,
    KEY_USAGES,
    CsrNotAllowed,
    SigningRules,
    key_usage_names,
    permitted_extensions,
)

MODES = {"Encipher Only", "Decipher Only"}
FOREIGN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


def key_usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{attribute: name in names for name, attribute in KEY_USAGES.items()})


def permitted(make_csr, *extensions, **rules):
    csr = parse_csr(make_csr(extensions=extensions))
    return {extension.value: extension.critical for extension in permitted_extensions(csr, SigningRules(**rules))}


def test_the_defaults_are_those_of_the_configuration():
    rules = SigningRules()
    assert rules.term.days == 1825
    assert rules.usable_key_usage == {"Digital Signature", "Key Encipherment", "Non Repudiation"}


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("allowed_extensions", frozenset({"keyUsage", "keyusage"}), "allowed_extensions has keyusage; known are"),
        ("allowed_key_usage", frozenset({"Signing"}), "allowed_key_usage has Signing"),
        ("term_of_validity", 0, "term_of_validity is 0"),
        ("term_of_validity", 10**9, "term_of_validity is 1000000000"),
        ("rsa_key_size", 1024, "rsa_key_size is 1024"),
    ],
)
def test_a_wrong_option_is_named(option, value, told):
    with pytest.raises(ValueError, match=told):
        SigningRules(**{option: value})


def test_allowed_extensions_are_kept_as_they_are(make_csr):
    names = x509.SubjectAlternativeName([x509.DNSName("node-1"), x509.IPAddress(ipaddress.ip_address("10.0.0.5"))])
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    assert permitted(make_csr, (names, True), (purposes, False)) == {names: True, purposes: False}


def test_a_disallowed_extension_is_dropped_unless_critical(make_csr):
    assert permitted(make_csr, (FOREIGN, False)) == {}
    with pytest.raises(CsrNotAllowed, match=r"extension 1\.3\.6\.1\.4\.1\.99999\.1 is critical"):
        permitted(make_csr, (FOREIGN, True))


def test_a_disallowed_critical_extension_is_named_by_its_name(make_csr):
    with pytest.raises(
        CsrNotAllowed, match="extension subjectAltName is critical and may not be signed; allowed are key"
    ):
        permitted(
            make_csr,
            (x509.SubjectAlternativeName([x509.DNSName("x")]), True),
            allowed_extensions=frozenset({"keyUsage"}),
        )


def test_disallowed_key_usages_are_cleared_unless_critical(make_csr):
    asked = key_usage("Digital Signature", "Data Encipherment", "Certificate Sign")
    assert permitted(make_csr, (asked, False)) == {key_usage("Digital Signature"): False}
    with pytest.raises(CsrNotAllowed, match="keyUsage asks for Certificate Sign, Data Encipherment"):
        permitted(make_csr, (asked, True))


def test_allowed_critical_key_usage_stays_critical(make_csr):
    asked = key_usage("Digital Signature", "Key Encipherment")
    assert permitted(make_csr, (asked, True)) == {asked: True}


def test_a_key_usage_without_any_bit_left_goes_as_a_whole(make_csr):
    assert permitted(make_csr, (key_usage("Data Encipherment"), False)) == {}


def test_the_modes_of_key_agreement_go_with_it(make_csr):
    asked = key_usage("Digital Signature", "Key Agreement", "Encipher Only")
    allowed = frozenset({"Digital Signature", "Encipher Only"})
    assert permitted(make_csr, (asked, False), allowed_key_usage=allowed) == {key_usage("Digital Signature"): False}


@pytest.mark.parametrize("allow_ca", [False, True])
def test_ca_key_usages_need_allow_ca_even_when_listed(make_csr, allow_ca):
    allowed = frozenset(KEY_USAGES)
    kept = permitted(make_csr, (key_usage(*KEY_USAGES), False), allowed_key_usage=allowed, allow_ca=allow_ca)
    assert key_usage_names(*kept) == (allowed if allow_ca else allowed - CA_KEY_USAGES)


def test_the_ca_flag_is_taken_away_unless_critical(make_csr):
    asked = x509.BasicConstraints(ca=True, path_length=3)
    assert permitted(make_csr, (asked, False)) == {x509.BasicConstraints(ca=False, path_length=None): False}
    with pytest.raises(CsrNotAllowed, match="basicConstraints asks for a CA"):
        permitted(make_csr, (asked, True))
    assert permitted(make_csr, (asked, True), allow_ca=True) == {asked: True}


def test_no_ca_stays_as_it_was_sent(make_csr):
    asked = x509.BasicConstraints(ca=False, path_length=None)
    assert permitted(make_csr, (asked, True)) == {asked: True}


# Properties of what is issued, for any request and any rules.

_NAMES = st.lists(
    st.sampled_from(
        [x509.DNSName("node-1"), x509.RFC822Name("a@b.example"), x509.IPAddress(ipaddress.ip_address("::1"))]
    ),
    min_size=1,
    max_size=3,
    unique=True,
)
_USAGES = st.sets(st.sampled_from(sorted(KEY_USAGES)), min_size=1).map(
    lambda names: key_usage(*(names if "Key Agreement" in names else names - MODES or {"CRL Sign"}))
)
_EXTENSIONS: dict[str, st.SearchStrategy[x509.ExtensionType]] = {
    "keyUsage": _USAGES,
    "basicConstraints": st.sampled_from([x509.BasicConstraints(False, None), x509.BasicConstraints(True, None)])
    | st.integers(0, 3).map(lambda length: x509.BasicConstraints(True, length)),
    "extendedKeyUsage": st.sampled_from(
        [
            [ExtendedKeyUsageOID.SERVER_AUTH],
            [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE],
        ]
    ).map(x509.ExtendedKeyUsage),
    "subjectAltName": _NAMES.map(x509.SubjectAlternativeName),
    "issuerAltName": _NAMES.map(x509.IssuerAlternativeName),
    "subjectKeyIdentifier": st.binary(min_size=1, max_size=20).map(x509.SubjectKeyIdentifier),
    "authorityKeyIdentifier": st.binary(min_size=1, max_size=20).map(
        lambda digest: x509.AuthorityKeyIdentifier(digest, None, None)
    ),
    "nameConstraints": st.just(x509.NameConstraints([x509.DNSName("example.org")], None)),
    "inhibitAnyPolicy": st.integers(0, 5).map(x509.InhibitAnyPolicy),
    "OCSPNoCheck": st.just(x509.OCSPNoCheck()),
    "certificatePolicies": st.just(
        x509.CertificatePolicies([x509.PolicyInformation(CertificatePoliciesOID.ANY_POLICY, None)])
    ),
    "cRLDistributionPoints": st.just(
        x509.CRLDistributionPoints(
            [x509.DistributionPoint([x509.UniformResourceIdentifier("http://x.example")], None, None, None)]
        )
    ),
    "authorityInfoAccess": st.just(
        x509.AuthorityInformationAccess(
            [
                x509.AccessDescription(
                    AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://x.example")
                )
            ]
        )
    ),
    "1.3.6.1.4.1.99999.1": st.just(FOREIGN),
}
_REQUESTS = st.lists(st.sampled_from(sorted(_EXTENSIONS)), max_size=6, unique=True).flatmap(
    lambda names: st.tuples(*(st.tuples(st.just(name), _EXTENSIONS[name], st.booleans()) for name in names))
)
_RULES = st.builds(
    SigningRules,
    allow_ca=st.booleans(),
    allowed_extensions=st.frozensets(st.sampled_from(sorted(EXTENSION_NAMES.values()))),
    allowed_key_usage=st.frozensets(st.sampled_from(sorted(KEY_USAGES))),
    term_of_validity=st.integers(1, 10_000),
)
_SUBJECTS = st.lists(
    st.builds(
        x509.NameAttribute,
        st.sampled_from(
            [NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.LOCALITY_NAME, NameOID.DOMAIN_COMPONENT]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20),
    ),
    max_size=4,
).map(lambda attributes: x509.Name([x509.RelativeDistinguishedName([attribute]) for attribute in attributes]))


def expected_refusal(requested, rules: SigningRules) -> bool:
    """The rules once more, read for what refuses."""
    usages = rules.allowed_key_usage if rules.allow_ca else rules.allowed_key_usage - CA_KEY_USAGES
    return any(
        critical
        and (
            name not in rules.allowed_extensions
            or (isinstance(value, x509.KeyUsage) and not key_usage_names(value) <= usages)
            or (isinstance(value, x509.BasicConstraints) and value.ca and not rules.allow_ca)
        )
        for name, value, critical in requested
    )


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requested=_REQUESTS, subject=_SUBJECTS, rules=_RULES)
def test_nothing_disallowed_appears_in_what_is_issued(make_csr, sign, requested, subject, rules):
    text = make_csr(subject, [(value, critical) for _, value, critical in requested])
    if expected_refusal(requested, rules):
        event("refused")
        with pytest.raises(CsrNotAllowed):
            sign(text, rules)
        return
    event("issued")
    csr = parse_csr(text)
    certificate = sign(text, rules)
    found = {EXTENSION_NAMES[extension.oid]: extension for extension in certificate.extensions}
    ours = {"subjectKeyIdentifier", "authorityKeyIdentifier"}
    assert found.keys() <= rules.allowed_extensions | ours
    usages = rules.allowed_key_usage if rules.allow_ca else rules.allowed_key_usage - CA_KEY_USAGES
    for name, value, critical in requested:
        match value:
            case _ if name not in rules.allowed_extensions or name in ours:
                continue
            case x509.KeyUsage():
                left = key_usage_names(value) & usages
                left -= set() if "Key Agreement" in left else MODES
                assert (key_usage_names(found[name].value) if left else frozenset()) == left
                assert left or name not in found
            case x509.BasicConstraints(ca=True) if not rules.allow_ca:
                assert (found[name].value.ca, found[name].critical) == (False, False)
            case _:
                assert (found[name].value, found[name].critical) == (value, critical)
    assert found["subjectKeyIdentifier"].value == x509.SubjectKeyIdentifier.from_public_key(csr.public_key())
    assert certificate.subject.public_bytes() == csr.subject.public_bytes()
    assert _der(certificate.public_key()) == _der(csr.public_key())


def test_an_unusual_subject_is_copied_byte_for_byte(openssl, openssl_key, sign):
    """Several values in one RDN, a rare string type, a repeated attribute: what openssl writes comes out again."""
    openssl.write(
        "odd.cnf",
        "[req]\nprompt=no\nutf8=yes\nstring_mask=MASK:0x800\ndistinguished_name=dn\n"
        "[dn]\n0.O=one\n1.O=two\nOU=left\n+CN=näme\n1.CN=again\n",
    )
    openssl("req", "-new", "-config", "odd.cnf", "-key", openssl_key, "-out", "odd.csr")
    text = openssl.read("odd.csr")
    certificate = sign(text)
    assert certificate.subject.rfc4514_string() == "CN=again,CN=näme+OU=left,O=two,O=one"
    assert certificate.subject.public_bytes() == parse_csr(text).subject.public_bytes()


@pytest.mark.filterwarnings("ignore:Attribute's length")  # the library's only remark on it
def test_a_name_longer_than_the_standard_has_is_copied_too(make_csr, sign):
    long = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x" * 80, _validate=False)])
    assert sign(make_csr(long)).subject == long


def _der(key) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
