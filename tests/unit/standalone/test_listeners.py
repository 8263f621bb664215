"""Node listeners: TLS with a key that is pinned, one cluster each, small limits."""

import base64
import hashlib
import http.client
import ssl
import stat
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from magnum.model.failures import Retry
from magnum.standalone.identity import ensure_identity
from magnum.standalone.listeners import CannotListenError, Listener, NodeListeners

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def saying(text: str):
    def application(environ, start_response) -> list[bytes]:
        environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [text.encode()]

    return application


@pytest.fixture
def port() -> int:
    free = Listener(saying(""), "127.0.0.1", 0, threads=1, longest_body=1, tls=None)
    number: int = free._server.bind_addr[1]
    free.stop()
    return number


@pytest.fixture
def listeners(tmp_path, port) -> Iterator[NodeListeners]:
    identity = tmp_path / "node-listener.pem"
    pin = ensure_identity(identity, NOW)
    opened = NodeListeners(saying, port=port, identity=identity, pin=pin)
    yield opened
    opened.stop()


def ask(address: str, port: int, body: bytes = b"", announced: int | None = None) -> tuple[int, bytes, str]:
    """Ask, without checking anything, and give status, answer and the pin of the key that answered.

    A length may be announced without a body: what is refused for its length is refused before it is sent.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(address, port, timeout=5, context=context)
    try:
        length = len(body) if announced is None else announced
        connection.request("POST", "/v1/certificates", body or None, {"Content-Length": str(length)})
        assert isinstance(connection.sock, ssl.SSLSocket)
        der = connection.sock.getpeercert(binary_form=True)
        response = connection.getresponse()
        assert der is not None
        key = x509.load_der_x509_certificate(der).public_key()
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return response.status, response.read(), base64.b64encode(hashlib.sha256(spki).digest()).decode()
    finally:
        connection.close()


def test_the_identity_is_private_and_is_made_once(tmp_path):
    file = tmp_path / "node-listener.pem"
    assert ensure_identity(file, NOW) == ensure_identity(file, NOW)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nodes_reach_their_cluster_under_the_pinned_key(listeners, port):
    access = listeners.access("cluster-1", "127.0.0.1")
    assert access.url == f"https://127.0.0.1:{port}/v1"
    assert listeners.access("cluster-1", "127.0.0.1") == access
    assert ask("127.0.0.1", port) == (200, b"cluster-1", access.pin)


def test_each_cluster_has_its_own_address(listeners, port):
    listeners.access("cluster-1", "127.0.0.1")
    listeners.access("cluster-2", "127.0.0.2")
    assert [ask(address, port)[1] for address in ("127.0.0.1", "127.0.0.2")] == [b"cluster-1", b"cluster-2"]


def test_a_network_that_is_used_again_serves_its_new_cluster(listeners, port):
    listeners.access("gone", "127.0.0.1")
    listeners.access("new", "127.0.0.1")
    assert ask("127.0.0.1", port)[1] == b"new"


def test_where_a_network_has_gone_nobody_listens(listeners, port):
    listeners.access("gone", "127.0.0.1")
    listeners.access("there", "127.0.0.2")
    listeners.close("gone")
    listeners.close("gone")
    with pytest.raises(ConnectionRefusedError):
        ask("127.0.0.1", port)
    assert ask("127.0.0.2", port)[1] == b"there"


def test_a_body_beyond_the_limit_is_refused(listeners, port):
    listeners.access("cluster-1", "127.0.0.1")
    assert ask("127.0.0.1", port, b"x" * 32_000)[0] == 200
    assert ask("127.0.0.1", port, announced=33_000)[0] == 413


def test_a_port_that_is_taken_is_told_when_the_listener_is_made(port):
    first = Listener(saying("first"), "127.0.0.1", port, threads=1, longest_body=1, tls=None)
    with pytest.raises(CannotListenError, match=rf"127\.0\.0\.1:{port}: Address already in use"):
        Listener(saying("second"), "127.0.0.1", port, threads=1, longest_body=1, tls=None)
    first.stop()


def test_an_address_that_is_not_there_is_tried_again(listeners):
    with pytest.raises(Retry, match=r"192\.0\.2\.1"):
        listeners.access("cluster-1", "192.0.2.1")
