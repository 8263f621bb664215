"""What a node may have signed: what its role needs, within the limits that are made of it, and nothing else."""

from ipaddress import IPv4Address

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from magnum.certificates.limits import check_node_request
from magnum.certificates.rules import CsrNotAllowed
from magnum.model.signing import CaType
from magnum.nodes.kubernetes.certificates import certificates_of, limits_of

KEY = ec.generate_private_key(ec.SECP256R1())
USAGES = {"serverAuth": ExtendedKeyUsageOID.SERVER_AUTH, "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH}


def csr(common_name, organization=None, usages=("clientAuth",), names=()):
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    builder = builder.add_extension(x509.ExtendedKeyUsage([USAGES[usage] for usage in usages]), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
    return builder.sign(KEY, hashes.SHA256())


def as_asked(certificate):
    return csr(certificate.common_name, certificate.organization, certificate.usages, certificate.dns_names)


def test_a_worker_has_its_own_identity_and_its_proxys(new_cluster, worker):
    own = certificates_of(new_cluster(), worker)
    assert [(c.name, c.common_name, c.organization, c.ca) for c in own] == [
        ("kubelet", "system:node:web-worker-1", "system:nodes", CaType.KUBERNETES),
        ("kube-proxy", "system:kube-proxy", None, CaType.KUBERNETES),
    ]


def test_each_node_may_have_signed_what_it_needs(new_cluster, master, worker):
    for node in (master, worker):
        certificates = certificates_of(new_cluster(), node)
        limits = limits_of(certificates)
        for certificate in certificates:
            check_node_request(as_asked(certificate), certificate.ca, limits)


def test_a_worker_may_have_nothing_of_a_masters(new_cluster, master, worker):
    limits = limits_of(certificates_of(new_cluster(), worker))
    for certificate in certificates_of(new_cluster(), master):
        if certificate.name != "kube-proxy":
            with pytest.raises(CsrNotAllowed):
                check_node_request(as_asked(certificate), certificate.ca, limits)


@pytest.mark.parametrize("role", ["master", "worker"])
@pytest.mark.parametrize(
    ("asked", "ca"),
    [
        (csr("admin", "system:masters"), CaType.KUBERNETES),
        (csr("system:node:web-worker-9", "system:nodes"), CaType.KUBERNETES),
        (csr("system:kube-proxy", "system:masters"), CaType.KUBERNETES),
        (csr("system:kube-proxy", usages=("clientAuth", "serverAuth")), CaType.KUBERNETES),
        (csr("system:kube-proxy", names=("kubernetes",)), CaType.KUBERNETES),
        (csr("system:kube-proxy"), CaType.ETCD),
        (csr("system:kube-proxy"), CaType.FRONT_PROXY),
    ],
)
def test_nobody_may_have_more(new_cluster, request, role, asked, ca):
    limits = limits_of(certificates_of(new_cluster(), request.getfixturevalue(role)))
    with pytest.raises(CsrNotAllowed):
        check_node_request(asked, ca, limits)


def test_the_limits_of_one_certificate_are_not_those_of_another(new_cluster, master):
    """The names of the API server go with its subject, not with etcd's."""
    limits = limits_of(certificates_of(new_cluster(), master))
    check_node_request(csr("kube-apiserver", usages=("serverAuth",), names=("kubernetes",)), CaType.KUBERNETES, limits)
    with pytest.raises(CsrNotAllowed, match="kubernetes"):
        check_node_request(csr("web-master-1", names=("kubernetes",)), CaType.ETCD, limits)


def test_the_api_answers_to_all_its_names(new_cluster, master):
    [api] = [c for c in certificates_of(new_cluster(), master) if c.name == "apiserver"]
    assert {"10.77.5.10", "127.0.0.1", "10.254.0.1"} == set(api.addresses)
    assert {"kubernetes", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"} <= set(api.dns_names)


def test_a_master_answers_to_addresses_outside_its_network_too(new_cluster, master):
    names = {"api_names": (IPv4Address("203.0.113.9"),), "api": IPv4Address("10.77.5.2")}
    node = msgspec.structs.replace(master, floating_address=IPv4Address("203.0.113.10"))
    addresses = {c.name: c.addresses for c in certificates_of(new_cluster(**names), node) if c.addresses}
    own = ("10.77.5.10", "203.0.113.10")
    assert addresses == {
        "kubelet": ("10.77.5.10",),
        "apiserver": (*own, "10.77.5.2", "203.0.113.9", "127.0.0.1", "10.254.0.1"),
        "etcd": (*own, "127.0.0.1"),
    }


def test_a_line_holds_no_bar_but_those_between_its_parts(new_cluster, master):
    for certificate in certificates_of(new_cluster(), master):
        assert certificate.line().count("|") == 4
