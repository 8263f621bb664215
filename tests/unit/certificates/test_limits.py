"""What one node may have signed: the swarm node's limits one by one, then any limits as a property."""

import ipaddress

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from magnum.certificates.csr import CsrRefused, parse_csr
from magnum.certificates.limits import check_node_request, swarm_node_limits
from magnum.certificates.rules import KEY_USAGES, CsrNotAllowed, SigningRules
from magnum.model.signing import CaType, NodeLimits

WORKER = swarm_node_limits("node-1", "10.0.0.5")
SERVER = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)


def address(text: str) -> x509.IPAddress:
    return x509.IPAddress(ipaddress.ip_address(text))


def names(*values: x509.GeneralName) -> tuple[x509.ExtensionType, bool]:
    return (x509.SubjectAlternativeName(values), False)


def subject(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def check(make_csr, name="node-1", extensions=(SERVER,), *, limits=WORKER, ca_type=CaType.KUBERNETES):
    check_node_request(parse_csr(make_csr(name, extensions)), ca_type, limits)


def test_the_limits_of_a_worker_are_its_own_name_and_address():
    assert NodeLimits(common_name="node-1", dns_names=("node-1",), ip_addresses=("10.0.0.5",)) == WORKER
    assert WORKER.extended_key_usages == ("serverAuth",)
    assert WORKER.ca_types == (CaType.KUBERNETES,)
    assert WORKER.organizations == ()


@pytest.mark.parametrize(
    ("api_host", "dns_names", "addresses"),
    [
        (None, ("m-1", "localhost"), ("10.0.0.4", "127.0.0.1")),
        ("10.0.0.4", ("m-1", "localhost"), ("10.0.0.4", "127.0.0.1")),
        ("192.0.2.7", ("m-1", "localhost"), ("10.0.0.4", "127.0.0.1", "192.0.2.7")),
        ("api.example", ("m-1", "localhost", "api.example"), ("10.0.0.4", "127.0.0.1")),
    ],
)
def test_a_manager_answers_on_loopback_and_the_api_address_too(api_host, dns_names, addresses):
    limits = swarm_node_limits("m-1", "10.0.0.4", manager=True, api_host=api_host)
    assert (limits.dns_names, limits.ip_addresses) == (dns_names, addresses)


def test_what_a_worker_needs_is_within_its_limits(make_csr):
    check(
        make_csr,
        extensions=[
            SERVER,
            names(x509.DNSName("node-1"), x509.DNSName("NODE-1"), address("10.0.0.5")),
            (
                x509.KeyUsage(**{bit: bit in {"digital_signature", "key_encipherment"} for bit in KEY_USAGES.values()}),
                True,
            ),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.SubjectKeyIdentifier(b"1234"), False),
        ],
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (subject(), "subject is ''; this node's must be 'CN=node-1'"),
        (subject((NameOID.COMMON_NAME, "node-2")), "subject is 'CN=node-2'"),
        (subject((NameOID.COMMON_NAME, "Node-1")), "subject is 'CN=Node-1'"),
        (subject((NameOID.COMMON_NAME, "node-1\x00")), "subject is "),
        (subject((NameOID.COMMON_NAME, "node-1"), (NameOID.COMMON_NAME, "node-1")), "CN=node-1,CN=node-1"),
        (subject((NameOID.COMMON_NAME, "node-1"), (NameOID.ORGANIZATION_NAME, "acme")), "O=acme"),
        (subject((NameOID.COMMON_NAME, "node-1"), (NameOID.ORGANIZATIONAL_UNIT_NAME, "u")), "OU=u"),
        (
            subject((NameOID.COMMON_NAME, "node-1"), (NameOID.ORGANIZATION_NAME, "system:masters")),
            "organisation system:m",
        ),
        (subject((NameOID.COMMON_NAME, "\n\x1b" + "x" * 60)), "subject is 'CN=\\?\\?xxx"),
    ],
)
def test_another_subject_is_refused(make_csr, asked, told):
    with pytest.raises(CsrNotAllowed, match=told) as refusal:
        check(make_csr, asked)
    assert str(refusal.value).isprintable()


def test_system_masters_is_refused_even_if_the_limits_say_otherwise(make_csr):
    limits = NodeLimits(common_name="node-1", organizations=("system:masters",))
    asked = subject((NameOID.ORGANIZATION_NAME, "system:masters"), (NameOID.COMMON_NAME, "node-1"))
    with pytest.raises(CsrNotAllowed, match="organisation system:masters"):
        check(make_csr, asked, limits=limits)


def test_organisations_are_exact_in_any_order(make_csr):
    limits = NodeLimits(common_name="node-1", organizations=("b", "a"))
    o = NameOID.ORGANIZATION_NAME
    check(make_csr, subject((o, "a"), (NameOID.COMMON_NAME, "node-1"), (o, "b")), limits=limits)
    with pytest.raises(CsrNotAllowed, match="this node's must be 'CN=node-1,O=b,O=a'"):
        check(make_csr, subject((o, "a"), (NameOID.COMMON_NAME, "node-1")), limits=limits)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (x509.DNSName("node-2"), "subjectAltName 'node-2' is not this node's; its own are node-1, 10.0.0.5"),
        (x509.DNSName("*"), "'\\*' is not"),
        (x509.DNSName("10.0.0.5"), "'10.0.0.5' is not"),
        (x509.DNSName("node-1."), "'node-1.' is not"),
        (address("10.0.0.6"), "'10.0.0.6' is not"),
        (address("::ffff:10.0.0.5"), "is not this node's"),
        (x509.IPAddress(ipaddress.ip_network("10.0.0.5/32")), "'10.0.0.5/32' is not"),
        (x509.RFC822Name("node-1@acme.example"), "no RFC822Name"),
        (x509.UniformResourceIdentifier("spiffe://node-1"), "no UniformResourceIdentifier"),
        (x509.DirectoryName(subject((NameOID.COMMON_NAME, "admin"))), "no DirectoryName"),
        (x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), "no OtherName"),
        (x509.RegisteredID(x509.ObjectIdentifier("1.2.3")), "no RegisteredID"),
    ],
)
def test_names_of_others_are_refused(make_csr, name, told):
    with pytest.raises(CsrNotAllowed, match=told):
        check(make_csr, extensions=[SERVER, names(x509.DNSName("node-1"), name)])


@pytest.mark.parametrize(
    ("purposes", "told"),
    [
        ([ExtendedKeyUsageOID.CLIENT_AUTH], "not be for clientAuth .* only for serverAuth"),
        ([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH], "not be for clientAuth"),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], "not be for 2.5.29.37.0"),
        ([ExtendedKeyUsageOID.CODE_SIGNING], "not be for 1.3.6.1.5.5.7.3.3"),
    ],
)
def test_other_purposes_are_refused(make_csr, purposes, told):
    with pytest.raises(CsrNotAllowed, match=told):
        check(make_csr, extensions=[(x509.ExtendedKeyUsage(purposes), True)])


def test_purposes_must_be_stated(make_csr):
    with pytest.raises(CsrNotAllowed, match="must say in extendedKeyUsage what the certificate is for"):
        check(make_csr, extensions=[])


def test_an_empty_list_of_purposes_is_none(make_csr):
    """Go would take it for "any". Some releases of the library refuse to read it at all, which is as good."""
    empty = x509.UnrecognizedExtension(ExtensionOID.EXTENDED_KEY_USAGE, b"\x30\x00")
    with pytest.raises(CsrRefused):
        check(make_csr, extensions=[(empty, False)])


@pytest.mark.parametrize(
    ("extension", "told"),
    [
        (x509.BasicConstraints(ca=True, path_length=None), "may not be a CA"),
        (x509.KeyUsage(**{bit: bit == "key_cert_sign" for bit in KEY_USAGES.values()}), "key usage Certificate Sign"),
        (x509.KeyUsage(**{bit: bit == "crl_sign" for bit in KEY_USAGES.values()}), "key usage CRL Sign"),
        (x509.OCSPNoCheck(), "extension OCSPNoCheck"),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), "extension 1.2.3"),
    ],
)
@pytest.mark.parametrize("critical", [False, True])
def test_other_extensions_are_refused_critical_or_not(make_csr, extension, told, critical):
    with pytest.raises(CsrNotAllowed, match=told):
        check(make_csr, extensions=[SERVER, (extension, critical)])


@pytest.mark.parametrize("ca_type", [CaType.ETCD, CaType.FRONT_PROXY])
def test_other_authorities_are_refused(make_csr, ca_type):
    with pytest.raises(CsrNotAllowed, match=f"certificates of the {ca_type} CA; only of kubernetes"):
        check(make_csr, ca_type=ca_type)


def test_a_node_gets_nothing_when_the_operator_forbids_to_state_purposes(make_csr, sign):
    rules = SigningRules(allowed_extensions=frozenset({"keyUsage"}))
    with pytest.raises(CsrNotAllowed, match="allowed_extensions, lacks extendedKeyUsage"):
        sign(make_csr(extensions=[SERVER]), rules, WORKER)


# Any limits against any request, drawn from a small pool so that both outcomes are common.

_POOL = st.sampled_from(["a", "b", "c"])
_ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1"])
_PURPOSES = {"serverAuth": ExtendedKeyUsageOID.SERVER_AUTH, "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH}
_LIMITS = st.builds(
    NodeLimits,
    common_name=_POOL,
    organizations=st.lists(_POOL | st.just("system:masters"), max_size=2, unique=True).map(tuple),
    dns_names=st.lists(_POOL, max_size=3).map(tuple),
    ip_addresses=st.lists(_ADDRESSES, max_size=3).map(tuple),
    extended_key_usages=st.lists(st.sampled_from(sorted(_PURPOSES)), max_size=2).map(tuple),
    ca_types=st.lists(st.sampled_from(CaType), min_size=1).map(tuple),
)
_REQUEST = st.fixed_dictionaries(
    {
        "dns_names": st.lists(_POOL, max_size=2),
        "ip_addresses": st.lists(_ADDRESSES, max_size=2),
        "purposes": st.lists(st.sampled_from(sorted(_PURPOSES)), max_size=2, unique=True),
        "ca": st.sampled_from([None, None, False, True]),
        "stranger": st.sampled_from([False, False, False, True]),
    }
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=_REQUEST, allow_ca=st.booleans(), data=st.data())
def test_nothing_beyond_the_limits_is_issued(make_csr, sign, asked, allow_ca, data):
    limits = data.draw(_LIMITS)
    common_name = data.draw(st.just(limits.common_name) | _POOL)
    organizations = data.draw(st.just(limits.organizations) | st.lists(_POOL, max_size=2, unique=True).map(tuple))
    text = make_csr(
        subject((NameOID.COMMON_NAME, common_name), *((NameOID.ORGANIZATION_NAME, name) for name in organizations)),
        list(_extensions_of(asked)),
    )
    allowed = (
        CaType.KUBERNETES in limits.ca_types
        and common_name == limits.common_name
        and sorted(organizations) == sorted(limits.organizations)
        and "system:masters" not in organizations
        and set(asked["dns_names"]) <= set(limits.dns_names)
        and set(asked["ip_addresses"]) <= set(limits.ip_addresses)
        and set() < set(asked["purposes"]) <= set(limits.extended_key_usages)
        and not asked["ca"]
        and not asked["stranger"]
    )
    event(f"allowed: {allowed}")
    rules = SigningRules(allow_ca=allow_ca)
    if not allowed:
        with pytest.raises(CsrNotAllowed):
            sign(text, rules, limits)
        return
    purposes = sign(text, rules, limits).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {purpose.dotted_string for purpose in purposes} == {
        _PURPOSES[name].dotted_string for name in asked["purposes"]
    }


def _extensions_of(asked):
    general_names = [*map(x509.DNSName, asked["dns_names"]), *map(address, asked["ip_addresses"])]
    if general_names:
        yield names(*general_names)
    if asked["purposes"]:
        yield x509.ExtendedKeyUsage([_PURPOSES[name] for name in asked["purposes"]]), False
    if asked["ca"] is not None:
        yield x509.BasicConstraints(ca=asked["ca"], path_length=None), False
    if asked["stranger"]:
        yield x509.OCSPNoCheck(), False
