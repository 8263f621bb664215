"""What all programs do alike: their arguments, their logs, and how they end when they cannot go on.

What an operator has to mend is one sentence on standard error and status 1; only a bug shows a traceback.
"""

import faulthandler
import functools
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from oslo_log import log

from magnum.certificates.encryption import EncryptionError
from magnum.certificates.stores.base import CertificateStoreError
from magnum.conf.settings import Settings, SettingsError
from magnum.db.errors import DbError
from magnum.openstack.catalogue import CatalogueError

TO_MEND = (SettingsError, EncryptionError, CertificateStoreError, DbError, CatalogueError, OSError)
END_SECONDS = 30.0
"""What an end may take besides what is given to running steps."""
_TOLD_BY = (signal.SIGTERM, signal.SIGINT)


def program(name: str) -> Callable[[Callable[[Sequence[str]], int]], Callable[..., int]]:
    """Make a function of arguments the entry point of a program."""

    def entry_point(run: Callable[[Sequence[str]], int]) -> Callable[..., int]:
        @functools.wraps(run)
        def main(arguments: Sequence[str] | None = None) -> int:
            try:
                return run(sys.argv[1:] if arguments is None else arguments)
            except TO_MEND as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 1

        return main

    return entry_point


def set_up_process(settings: Settings) -> None:
    """Log as configured, and on SIGUSR2 print what every thread is doing."""
    log.setup(settings.oslo, "magnum")
    faulthandler.register(signal.SIGUSR2, all_threads=True)


class Stop:
    """Hears of SIGTERM and SIGINT, whichever thread the kernel gives them to: the others do not wake the main one."""

    def __init__(self) -> None:
        self._hears, self._tells = socket.socketpair()
        self._tells.setblocking(False)
        self._before = signal.set_wakeup_fd(self._tells.fileno(), warn_on_full_buffer=False)

    def wait(self, end_within: float) -> None:
        """Return when told to stop; so many seconds later the process ends, telling what its threads were at."""
        while self._hears.recv(1)[0] not in _TOLD_BY:
            pass
        faulthandler.dump_traceback_later(end_within, exit=True)

    def close(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        signal.set_wakeup_fd(self._before)
        self._hears.close()
        self._tells.close()


@contextmanager
def until_told_to_stop() -> Iterator[Stop]:
    """Give what SIGTERM or SIGINT is waited for with; a second signal ends the process at once."""
    previous = {number: signal.getsignal(number) for number in _TOLD_BY}
    stop = Stop()

    def once(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)

    for number in previous:
        signal.signal(number, once)
    try:
        yield stop
    finally:
        stop.close()
        for number, handler in previous.items():
            signal.signal(number, handler)
