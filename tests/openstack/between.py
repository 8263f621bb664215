"""What stands between our service and the cloud: an HTTP proxy that counts, delays, hangs, refuses and answers itself.

Our processes are told of it by `http_proxy`, so every call that they make to a service of the cloud comes by, and any
of these services can be down for them while it is up for everybody else.
"""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

SECONDS = 120
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length"})


class Call(NamedTuple):
    service: str
    method: str
    path: str
    body: bytes


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


Forward = Callable[[], Answer]
Deal = Callable[[Call, Forward], Answer | None]
"""Gives what is answered; None: nothing, the connection is closed."""
Match = Callable[[Call], bool]


class Between(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, ports: dict[int, str]) -> None:
        """`ports` says which service is which."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ports = ports
        self.calls: list[Call] = []
        self._deals: list[tuple[Match, Deal]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def deal_with(self, call: Call, forward: Forward) -> Answer | None:
        self.calls.append(call)
        for match, deal in list(self._deals):
            if match(call):
                return deal(call, forward)
        return forward()

    @contextmanager
    def dealing(self, match: Match, deal: Deal) -> Iterator[None]:
        """Deal with such calls, for as long as this lasts; what came last comes first."""
        entry = (match, deal)
        self._deals.insert(0, entry)
        try:
            yield
        finally:
            self._deals.remove(entry)

    def down(self, service: str) -> Any:
        """Let a service be away: connections to it break."""
        return self.dealing(lambda call: call.service == service, lambda _call, _forward: None)

    def saying(self, match: Match, status: int, body: bytes) -> Any:
        """Answer in a service's place."""
        answer = Answer(status, [("Content-Type", "application/json")], body)
        return self.dealing(match, lambda _call, _forward: answer)

    @contextmanager
    def holding(self, match: Match) -> Iterator["Held"]:
        """Keep the next such call on its way until it is told to land."""
        held = Held()
        with self.dealing(match, held.deal):
            yield held

    def count(self, service: str) -> int:
        return sum(call.service == service for call in self.calls)

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a process that is killed leaves broken connections behind."""


class Held:
    """A call on its way."""

    def __init__(self) -> None:
        self._arrived = threading.Event()
        self._go_on = threading.Event()
        self._answered = threading.Event()
        self._answer: Answer | None = None

    def deal(self, _call: Call, forward: Forward) -> Answer | None:
        if self._arrived.is_set():
            return forward()
        self._arrived.set()
        self._go_on.wait(SECONDS)
        self._answer = forward()
        self._answered.set()
        return self._answer

    def wait(self) -> None:
        """Wait until it is on its way."""
        assert self._arrived.wait(SECONDS)

    def land(self) -> int:
        """Let it arrive, and give the status of the answer, which nobody may be there to hear."""
        self._go_on.set()
        assert self._answered.wait(SECONDS)
        assert self._answer
        return self._answer.status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Between

    def _relay(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = f"{url.path}?{url.query}" if url.query else url.path
        call = Call(self.server.ports.get(url.port or 80, "another"), self.command, path, body)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}

        def forward() -> Answer:
            connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=SECONDS)
            try:
                connection.request(self.command, path, body=body or None, headers=headers)
                response = connection.getresponse()
                return Answer(response.status, response.getheaders(), response.read())
            finally:
                connection.close()

        answer = self.server.deal_with(call, forward)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _relay  # noqa: N815  http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server's name
        """Say nothing."""
