"""Asks a server the same thing on several connections for a while, one request at a time on each.

It costs as little as it can, because it runs on the machine that is measured: requests are bytes made beforehand, one
thread waits for all connections, and an answer is read no further than to find its end and its status.
"""

import selectors
import socket
import statistics
import time
from collections.abc import Callable
from typing import Any

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_MOST_ERRORS = 100


class Asking:
    """One connection, which asks again as soon as it has its answer."""

    def __init__(self, port: int, make_request: Callable[[], bytes], status: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._make_request = make_request
        self._expected = f"HTTP/1.1 {status} ".encode()
        self._answer = b""
        self._awaited = 0
        self._began = 0.0

    def ask(self) -> None:
        self._answer, self._awaited = b"", 0
        request = self._make_request()
        self._began = time.perf_counter()
        self.socket.sendall(request)

    def read(self) -> float | None:
        """Read what is there; give the seconds that the answer took when it is whole."""
        chunk = self.socket.recv(1 << 20)
        if not chunk:
            raise ConnectionError("The server has closed the connection.")
        self._answer = self._answer + chunk if self._answer else chunk
        if not self._awaited and (end := self._answer.find(_END)) >= 0:
            head = self._answer[:end].lower()
            start = head.index(_LENGTH) + len(_LENGTH) if _LENGTH in head else None
            length = 0 if start is None else int(head[start:].split(b"\r\n", 1)[0])
            self._awaited = end + len(_END) + length
        if not self._awaited or len(self._answer) < self._awaited:
            return None
        return time.perf_counter() - self._began

    def is_as_expected(self) -> bool:
        return self._answer.startswith(self._expected)

    def describe(self) -> str:
        return self._answer[:1000].decode(errors="replace")


def load(
    port: int, make_request: Callable[[], bytes], *, status: int, concurrency: int, seconds: float
) -> dict[str, Any]:
    """Give throughput, latencies in milliseconds, and how many answers had another status.

    A connection that is lost, and more than a hundred errors, end it.
    """
    connections = [Asking(port, make_request, status) for _ in range(concurrency)]
    taken: list[float] = []
    errors = 0
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.ask()
        began, under_way = time.perf_counter(), concurrency
        while under_way:
            for key, _ in selector.select():
                latency = key.data.read()
                if latency is None:
                    continue
                if not key.data.is_as_expected():
                    errors += 1
                    if errors > _MOST_ERRORS:
                        raise AssertionError(key.data.describe())
                taken.append(latency)
                if time.perf_counter() - began < seconds:
                    key.data.ask()
                else:
                    under_way -= 1
        elapsed = time.perf_counter() - began
    for connection in connections:
        connection.socket.close()
    answered = {"requests": len(taken), "errors": errors, "per_second": round(len(taken) / elapsed, 1)}
    return answered | percentiles(taken)


def percentiles(seconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100) if len(seconds) > 1 else seconds * 99
    return {f"p{percent}_ms": round(cuts[percent - 1] * 1000, 2) for percent in (50, 95, 99)}
