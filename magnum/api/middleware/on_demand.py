"""A ring that is made when the first request needs it, once.

oslo.middleware's rings take a tenth of a second and 6 MiB to load, and most installations never ask anything of them.
"""

import threading
from collections.abc import Callable, Iterable

from .auth_token import Application, Environment, StartResponse


class OnDemand:
    def __init__(self, make: Callable[[], Application]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: Application | None = None

    def __call__(self, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = self._make()
        return self._made(environ, start_response)
