"""Web servers inside this process: one for the API, and one for the nodes of each cluster that has a network here.

A node listener listens on the address of its cluster's bridge only, speaks TLS with the key that nodes know, and
serves that one cluster's calls. Every limit is small: whoever controls a node may say what it likes to it.
"""

import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter

from magnum.conf.settings import SettingsError
from magnum.drivers.base import NodeAccess
from magnum.model.failures import Code, Retry

LOG = logging.getLogger(__name__)

WsgiApplication = Callable[..., Any]
_IDLE_SECONDS = 10
_STOP_SECONDS = 5
_HEADER_BYTES = 32 * 1024
_NODE_BODY_BYTES = 32 * 1024
_NODE_THREADS = 4


class CannotListenError(SettingsError):
    """The address is not ours, or the port is taken."""


class _Server(wsgi.Server):
    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        try:
            socket_.bind(bind_addr)
        except OSError as error:
            socket_.close()
            address, port = bind_addr[:2]
            raise CannotListenError(f"Cannot listen on {address}:{port}: {error.strerror}.") from error
        return socket_

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        LOG.log(level, "%s", msg, exc_info=traceback)


class Listener:
    """One web server in a thread. It has its port once it is made; it answers once it is started."""

    def __init__(
        self,
        application: WsgiApplication,
        address: str,
        port: int,
        *,
        threads: int,
        longest_body: int,
        tls: Path | None,
    ) -> None:
        self.address = address
        self.port = port
        self._server = _Server(
            (address, port),
            application,
            numthreads=threads,
            timeout=_IDLE_SECONDS,
            shutdown_timeout=_STOP_SECONDS,
        )
        self._server.max_request_header_size = _HEADER_BYTES
        self._server.max_request_body_size = longest_body
        if tls is not None:
            self._server.ssl_adapter = BuiltinSSLAdapter(str(tls), str(tls))
        self._thread = threading.Thread(target=self._server.serve, name=f"listener {address}:{port}", daemon=True)
        self._server.prepare()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Answer what has been asked, then close."""
        self._server.stop()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)


class NodeListeners:
    """The node listeners, by address; the `NodeListeners` that drivers are given."""

    def __init__(
        self, make_application: Callable[[str], WsgiApplication], *, port: int, identity: Path, pin: str
    ) -> None:
        self._make_application = make_application
        self._port = port
        self._identity = identity
        self._pin = pin
        self._lock = threading.Lock()
        self._open: dict[str, tuple[str, Listener]] = {}

    def access(self, cluster_uuid: str, address: str) -> NodeAccess:
        """Listen for a cluster's nodes on our address in its network, and say how they reach us."""
        with self._lock:
            owner, listener = self._open.get(address, (None, None))
            if owner != cluster_uuid:
                if listener is not None:
                    # That cluster is gone, and its network was given to this one.
                    del self._open[address]
                    listener.stop()
                self._open[address] = (cluster_uuid, self._listen(cluster_uuid, address))
        return NodeAccess(url=f"https://{address}:{self._port}/v1", pin=self._pin)

    def close(self, cluster_uuid: str) -> None:
        with self._lock:
            for address in [address for address, (owner, _) in self._open.items() if owner == cluster_uuid]:
                _, listener = self._open.pop(address)
                listener.stop()

    def _listen(self, cluster_uuid: str, address: str) -> Listener:
        try:
            listener = Listener(
                self._make_application(cluster_uuid),
                address,
                self._port,
                threads=_NODE_THREADS,
                longest_body=_NODE_BODY_BYTES,
                tls=self._identity,
            )
        except CannotListenError as error:
            raise Retry(Code.PROVIDER_BUSY, f"{error} The nodes could not reach this service.") from error
        listener.start()
        LOG.info("Listening on %s:%s for the nodes of cluster %s.", address, self._port, cluster_uuid)
        return listener

    def stop(self) -> None:
        with self._lock:
            for _, listener in self._open.values():
                listener.stop()
            self._open.clear()
