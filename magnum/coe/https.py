"""HTTPS calls to a cluster's own API, each over a connection of its own, that end in time whatever the other side does.

The machines of a cluster belong to its owner. One that answers a byte a minute must not hold a conductor, and whoever
calls relies on being back in time: it holds a lease that lasts little longer. A timeout of the usual kind counts anew
with each byte; here every wait is for what is left of the whole. Answers are bounded in size too.

The client's key is handed to OpenSSL, which reads files only, by a file in memory, so it never touches a disk.
"""

import http.client
import io
import os
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_ANSWER = 32 * 1024 * 1024


class ClientTls(Protocol):
    """What proves us to a cluster's API and the API to us; PEM."""

    @property
    def ca(self) -> str: ...

    @property
    def certificate(self) -> str: ...

    @property
    def key(self) -> str: ...


class Unreachable(Exception):  # noqa: N818  what it is, not that it is an error
    """No answer, or not all of it in time: worth another try."""


class Untrusted(Exception):  # noqa: N818
    """One side does not believe the other's certificate: time will not mend it."""


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes


def client_context(tls: ClientTls) -> ssl.SSLContext:
    """Trust the cluster's CA and nobody else, and check that the address is the certificate's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=tls.ca)
    descriptor = os.memfd_create("client", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "w") as pem:
        pem.write(f"{tls.certificate}\n{tls.key}\n")
        pem.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    return context


class HttpsCaller:
    """All calls of one caller end within `timeout` seconds from when it was made."""

    def __init__(
        self,
        address: tuple[str, int],
        context: ssl.SSLContext,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._context = context
        self._timeout = timeout
        self._clock = clock
        self._ends = clock() + timeout

    def call(self, method: str, path: str, body: bytes | None = None, media_type: str = "application/json") -> Answer:
        """Raise `Unreachable` or `Untrusted` when there is no whole answer; any status is an answer."""
        try:
            return self._call(method, path, body, {"Content-Type": media_type} if body else {})
        except ssl.SSLCertVerificationError as error:
            raise Untrusted(
                f"{self.name} showed a certificate that is not to be believed: {error.verify_message}"
            ) from error
        except TimeoutError as error:
            raise Unreachable(f"{self.name} did not answer within {self._timeout:g} s") from error
        except ssl.SSLError as error:
            if "ALERT" in (error.reason or ""):
                raise Untrusted(f"{self.name} turned our certificate away: {error.reason}") from error
            raise Unreachable(f"{self.name} did not answer: {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.name} did not answer: {error or type(error).__name__}") from error

    @property
    def name(self) -> str:
        host, port = self._address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _call(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        with socket.create_connection(self._address, timeout=self._left()) as plain:
            plain.settimeout(self._left())
            with self._context.wrap_socket(plain, server_hostname=self._address[0]) as secure:
                connection = http.client.HTTPConnection(self.name)
                connection.sock = _EndingSocket(secure, self._left)
                connection.request(method, path, body=body, headers={"Connection": "close", **headers})
                answer = connection.getresponse()
                content = answer.read(MAX_ANSWER + 1)
                if len(content) > MAX_ANSWER:
                    raise Unreachable(f"{self.name} answered with more than {MAX_ANSWER} bytes")
                if answer.length:
                    raise Unreachable(f"{self.name} did not answer in full: {answer.length} bytes are missing")
                return Answer(answer.status, content)

    def _left(self) -> float:
        seconds = self._ends - self._clock()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class _EndingSocket:
    """As much of a socket as `http.client` uses, each wait of which is for what is left of the time."""

    def __init__(self, wrapped: socket.socket, left: Callable[[], float]) -> None:
        self._wrapped = wrapped
        self._left = left

    def sendall(self, data: bytes) -> None:
        self._wrapped.settimeout(self._left())
        try:
            self._wrapped.sendall(data)
        except (ssl.SSLEOFError, ConnectionError):
            # With TLS 1.3 a server looks at our certificate when we are done with the handshake. If it has hung up by
            # now, its reason is still there to be read, and is raised.
            self._wrapped.recv(1)
            raise

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb"
        return io.BufferedReader(_EndingReader(self._wrapped, self._left))

    def close(self) -> None:
        """Leave it to the caller: `http.client` closes before the answer is read and counts on its file to stay."""


class _EndingReader(io.RawIOBase):
    def __init__(self, wrapped: socket.socket, left: Callable[[], float]) -> None:
        self._wrapped = wrapped
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._wrapped.settimeout(self._left())
        return self._wrapped.recv_into(buffer)
