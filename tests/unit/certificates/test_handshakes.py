"""TLS with what we issue, through memory: who is let in, and who is not."""

import ssl
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from magnum.certificates.authority import issue, new_authority, new_client_certificate, open_authority
from magnum.certificates.bundle import clear_private_key
from magnum.certificates.limits import swarm_node_limits
from magnum.certificates.private_files import write_private_file
from magnum.certificates.rules import SigningRules
from magnum.model.clocks import SystemClock


@pytest.fixture(scope="module")
def files(tmp_path_factory, make_csr, node_key, authority_bundle, client_bundle):
    """Certificate and key files: of a node and of Magnum as a client, and of a stranger with the very same names."""
    directory = tmp_path_factory.mktemp("tls")
    authority, rules, now = open_authority(authority_bundle), SigningRules(), SystemClock().now()
    asked = make_csr(
        "node-1",
        [
            (x509.SubjectAlternativeName([x509.DNSName("node-1")]), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        ],
    )
    limits = swarm_node_limits("node-1", "10.0.0.5")
    node_pem = node_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    stranger_bundle = new_authority("seafood", rules, now)
    stranger = open_authority(stranger_bundle)
    stranger_client = new_client_certificate(stranger, rules, now)
    for name, text in {
        "ca": authority_bundle.certificate,
        "node": issue(asked, authority, rules, limits, now) + "\n" + node_pem,
        "client": client_bundle.certificate + "\n" + clear_private_key(client_bundle),
        "stranger-node": issue(asked, stranger, rules, limits, now) + "\n" + node_pem,
        "stranger-client": stranger_client.certificate + "\n" + clear_private_key(stranger_client),
    }.items():
        write_private_file(directory / name, text.encode(), replace=False)
    return directory


def handshake(files, *, server: str, client: str | None) -> ssl.SSLObject:
    """Let a server that insists on client certificates and a client meet; give the server's side."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.verify_mode = ssl.CERT_REQUIRED
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context, own in ((server_context, server), (client_context, client)):
        context.load_verify_locations(files / "ca")
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # what Python asks for by default since 3.13
        if own:
            context.load_cert_chain(files / own)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_side = server_context.wrap_bio(to_server, to_client, server_side=True)
    client_side = client_context.wrap_bio(to_client, to_server, server_hostname="node-1")
    for side in _turns(server_side, client_side):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    server_side.write(b"welcome")
    assert client_side.read() == b"welcome"
    return server_side


def _turns(server_side: ssl.SSLObject, client_side: ssl.SSLObject) -> Iterator[ssl.SSLObject]:
    for _ in range(3):
        yield client_side
        yield server_side


def test_magnum_and_a_node_meet(files):
    server = handshake(files, server="node", client="client")
    names = dict(attribute for rdn in server.getpeercert()["subject"] for attribute in rdn)
    assert names == {"commonName": "admin", "organizationName": "system:masters"}


@pytest.mark.parametrize(
    ("server", "client", "told"),
    [
        ("node", "node", "unsupported certificate purpose|unsuitable certificate purpose"),
        ("node", "stranger-client", "certificate verify failed"),
        ("node", None, "did not return a certificate"),
        ("client", "client", "unsupported certificate purpose|unsuitable certificate purpose|Hostname mismatch"),
        ("stranger-node", "client", "certificate verify failed"),
    ],
    ids=["a node as a client", "another CA's client", "nobody", "a client as a server", "another CA's server"],
)
def test_all_others_are_refused(files, server, client, told):
    with pytest.raises(ssl.SSLError, match=f"(?i){told}"):
        handshake(files, server=server, client=client)
