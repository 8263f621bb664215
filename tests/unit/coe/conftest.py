"""A stand-in for a cluster's own API, with real TLS: it knows only the answers that a test gives it."""

import contextlib
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cluster_certificates import ClusterCertificates, Tls
from cryptography import x509

from magnum.coe.swarm import SwarmClient


def _server_context(folder: Path, tls: Tls) -> ssl.SSLContext:
    (folder / "server.pem").write_text(tls.certificate + "\n" + tls.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(cadata=tls.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


Answer = tuple[int, Any]


class FakeEngine:
    """An engine of Docker, or an API server of Kubernetes.

    Answers by method and path (without what follows `?`); an answer is a status and a body, or a list of them.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer | list[Answer]] = {}
        self.asked: list[tuple[str, Any]] = []
        self.media_types: list[str] = []
        self.address = ""

    def answer(self, question: str, status: int, body: Any = None) -> None:
        self.answers[question] = (status, body)

    def answer_each(self, question: str, *answers: Answer) -> None:
        self.answers[question] = list(answers)

    def handle(self, question: str, body: Any) -> Answer:
        self.asked.append((question, body))
        answer = self.answers[question.partition("?")[0]]
        return answer.pop(0) if isinstance(answer, list) else answer

    @property
    def changes(self) -> list[tuple[str, Any]]:
        return [asked for asked in self.asked if not asked[0].startswith("GET")]


def _handler(engine: FakeEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            given = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            engine.media_types.append(self.headers.get("Content-Type", ""))
            status, body = engine.handle(f"{self.command} {self.path}", json.loads(given) if given else None)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, engine: FakeEngine, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _handler(engine))
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        with contextlib.suppress(OSError), self._context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)


@contextlib.contextmanager
def _served(engine: FakeEngine, context: ssl.SSLContext) -> Iterator[FakeEngine]:
    with _Server(engine, context) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            engine.address = f"127.0.0.1:{server.server_port}"
            yield engine
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def _one_connection(context: ssl.SSLContext, serve: Callable[[ssl.SSLSocket], None]) -> Iterator[tuple[str, int]]:
    """Listen for one TLS connection and do with it whatever a bad server does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                plain, _ = listener.accept()
                with plain, context.wrap_socket(plain, server_side=True) as secure:
                    serve(secure)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture(scope="session")
def make_cluster() -> Callable[[str], ClusterCertificates]:
    return ClusterCertificates


@pytest.fixture(scope="session")
def cluster() -> ClusterCertificates:
    return ClusterCertificates("cluster")


@pytest.fixture(scope="session")
def tls(cluster: ClusterCertificates) -> Tls:
    return cluster.client()


@pytest.fixture
def server_context(cluster: ClusterCertificates, tmp_path: Path) -> Callable[..., ssl.SSLContext]:
    """Give the TLS of a server of the cluster with these names."""
    return lambda *names: _server_context(tmp_path, cluster.server(*names))


@pytest.fixture
def context(server_context: Callable[..., ssl.SSLContext]) -> ssl.SSLContext:
    return server_context(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


@pytest.fixture
def serve_engine() -> Callable[[ssl.SSLContext], contextlib.AbstractContextManager[FakeEngine]]:
    return lambda context: _served(FakeEngine(), context)


@pytest.fixture
def one_connection() -> Callable[..., contextlib.AbstractContextManager[tuple[str, int]]]:
    return _one_connection


@pytest.fixture
def engine(context: ssl.SSLContext) -> Iterator[FakeEngine]:
    with _served(FakeEngine(), context) as engine:
        yield engine


@pytest.fixture
def client(engine: FakeEngine, tls: Tls) -> SwarmClient:
    return SwarmClient(engine.address, tls, timeout=5)
