import itertools
import ssl
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from magnum.coe.https import MAX_ANSWER, Answer, HttpsCaller, Unreachable, Untrusted, client_context


def address_of(engine) -> tuple[str, int]:
    host, _, port = engine.address.partition(":")
    return host, int(port)


def caller(address, tls, timeout=5.0) -> HttpsCaller:
    return HttpsCaller(address, client_context(tls), timeout)


def test_any_status_is_an_answer(engine, tls):
    engine.answer("GET /here", 200, b"yes")
    engine.answer("POST /there", 404, b"no")
    asking = caller(address_of(engine), tls)
    assert asking.call("GET", "/here") == Answer(200, b"yes")
    assert asking.call("POST", "/there", b'{"a": 1}') == Answer(404, b"no")
    assert engine.asked == [("GET /here", None), ("POST /there", {"a": 1})]


def test_nobody_there_is_unreachable(one_connection, tls):
    with one_connection(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), lambda _: None) as address:
        pass
    with pytest.raises(Unreachable, match=rf"127.0.0.1:{address[1]} did not answer: .*refused"):
        caller(address, tls).call("GET", "/")


def test_a_server_of_another_ca_is_not_believed(engine, tls, make_cluster):
    stranger = msgspec.structs.replace(tls, ca=make_cluster("cluster").ca)
    with pytest.raises(Untrusted, match="showed a certificate that is not to be believed"):
        caller(address_of(engine), stranger).call("GET", "/")
    assert engine.asked == []


def test_a_server_with_another_servers_certificate_is_not_believed(server_context, serve_engine, tls):
    other = server_context(x509.DNSName("other"))
    with serve_engine(other) as engine, pytest.raises(Untrusted, match="IP address mismatch"):
        caller(address_of(engine), tls).call("GET", "/")


def test_a_client_of_another_ca_is_turned_away(engine, tls, make_cluster):
    foreign = msgspec.structs.replace(make_cluster("cluster").client(), ca=tls.ca)
    with pytest.raises(Untrusted, match="turned our certificate away"):
        caller(address_of(engine), foreign).call("GET", "/")


def test_an_answer_that_never_ends_is_given_up(context, tls, one_connection):
    """Each wait here takes a second of a clock that the test turns: ten of them, however many bytes have come."""

    def drip(secure: ssl.SSLSocket) -> None:
        secure.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            secure.sendall(b"X-More: yes\r\n")

    with one_connection(context, drip) as address:
        seconds = itertools.count()
        asking = HttpsCaller(address, client_context(tls), 10.0, clock=lambda: float(next(seconds)))
        with pytest.raises(Unreachable, match=r"did not answer within 10 s|100 headers"):
            asking.call("GET", "/")


def test_a_body_that_trickles_is_given_up(context, tls, one_connection):
    def trickle(secure: ssl.SSLSocket) -> None:
        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            secure.sendall(b"x")

    with one_connection(context, trickle) as address:
        seconds = itertools.count()
        asking = HttpsCaller(address, client_context(tls), 50.0, clock=lambda: float(next(seconds)))
        with pytest.raises(Unreachable, match="did not answer within 50 s"):
            asking.call("GET", "/")


def test_time_is_for_all_calls_of_a_caller_together(engine, tls):
    engine.answer("GET /here", 200, b"yes")
    now = [0.0]
    asking = HttpsCaller(address_of(engine), client_context(tls), 5.0, clock=lambda: now[0])
    assert asking.call("GET", "/here").status == 200
    now[0] = 5.0
    with pytest.raises(Unreachable, match="within 5 s"):
        asking.call("GET", "/here")


def test_an_answer_without_an_end_in_size_is_given_up(context, tls, one_connection):
    def flood(secure: ssl.SSLSocket) -> None:
        secure.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            secure.sendall(b"x" * 1024 * 1024)

    with one_connection(context, flood) as address, pytest.raises(Unreachable, match=f"more than {MAX_ANSWER} bytes"):
        caller(address, tls, 30.0).call("GET", "/")


@pytest.mark.parametrize("said", [b"", b"220 mail.example ESMTP\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
def test_what_is_no_whole_answer_is_unreachable(context, tls, one_connection, said):
    def answer(secure: ssl.SSLSocket) -> None:
        secure.recv(65536)
        secure.sendall(said)

    with one_connection(context, answer) as address, pytest.raises(Unreachable, match="did not answer"):
        caller(address, tls).call("GET", "/")


def test_no_file_is_opened_for_the_key_and_none_stays_open(tls):
    opened: list[object] = []
    watching = False

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open":
            opened.append(arguments[0])

    sys.addaudithook(watch)  # for ever: there is no taking it off again
    before = len(list(Path("/proc/self/fd").iterdir()))
    watching = True
    client_context(tls)
    watching = False
    assert len(opened) == 1
    assert isinstance(opened[0], int)  # the descriptor of the file in memory
    assert len(list(Path("/proc/self/fd").iterdir())) == before
