"""What all programs do alike: their arguments, their logs, and how they end when they cannot go on.

What an operator has to mend is one sentence on standard error and status 1; only a bug shows a traceback.
"""

import faulthandler
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from oslo_log import log

from magnum.certificates.encryption import EncryptionError
from magnum.certificates.stores.base import CertificateStoreError
from magnum.conf.settings import Settings, SettingsError
from magnum.db.errors import DbError
from magnum.openstack.catalogue import CatalogueError

TO_MEND = (SettingsError, EncryptionError, CertificateStoreError, DbError, CatalogueError, OSError)


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


@contextmanager
def until_told_to_stop() -> Iterator[threading.Event]:
    """Give an event that SIGTERM or SIGINT sets; a second signal ends the process at once."""
    stop = threading.Event()
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def tell(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in previous:
        signal.signal(number, tell)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
