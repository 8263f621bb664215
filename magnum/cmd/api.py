"""magnum-api: the API on gunicorn, as many processes as `[api] workers` says.

The application is loaded in each worker, after the fork, so that no database connection is shared. On SIGUSR2 gunicorn
would replace itself; here, as in all our programs, it prints what every thread is doing.
"""

import faulthandler
import os
import signal
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any

import gunicorn.app.base
import gunicorn.arbiter
import gunicorn.workers.gthread

from magnum.api.app import load_app
from magnum.conf.settings import Settings, SettingsError, load_settings

from .assembly import listen_address, make_service
from .heap import share_one_heap
from .programs import program, set_up_process

_END = frozenset({signal.SIGTERM})
_COURTESY = 0.001
"""Seconds; longer than it takes another process to wake up."""


class _Arbiter(gunicorn.arbiter.Arbiter):  # type: ignore[misc]  # gunicorn is not typed
    def spawn_worker(self) -> Any:
        """Fork a worker that ends when it is told to, also in its first moments.

        Until a worker has handlers of its own it has its parent's, which would forget the signal, and the parent would
        wait in vain for the worker's end.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _END)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _END)

    def handle_usr2(self) -> None:
        faulthandler.dump_traceback(all_threads=True)


class _Worker(gunicorn.workers.gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn is not typed
    def accept(self, listener: Any) -> None:
        """Take a new connection, but let another process be first when there are enough here to keep all threads busy.

        All wake up for it. Whoever happened to be first would hold most of the connections of a client that keeps them,
        and one processor would do all the work.
        """
        if self.nr_conns >= self.cfg.threads:
            time.sleep(_COURTESY)
        super().accept(listener)


class _Server(gunicorn.app.base.BaseApplication):  # type: ignore[misc]  # gunicorn is not typed
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in gunicorn_options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        share_one_heap()
        set_up_process(self._settings)
        service = make_service(self._settings)
        answer_before_the_end(service.ending)
        return load_app(service)

    def run(self) -> None:
        _Arbiter(self).run()


def gunicorn_options(settings: Settings) -> dict[str, Any]:
    """Give gunicorn's options for our settings. Raises SettingsError when a file that TLS needs is not there."""
    api = settings.api
    options: dict[str, Any] = {
        "bind": listen_address(settings),
        "worker_class": _Worker,
        "workers": api.workers or os.cpu_count() or 1,
        "threads": api.threads,
        "proc_name": "magnum-api",
        "control_socket_disable": True,
        "post_fork": end_when_told,
        "limit_request_field_size": 16384,
        "timeout": 120,  # a machine that is overloaded is no reason to end a process with all its requests
    }
    if api.enabled_ssl:
        options |= {"certfile": _tls_file(settings, "ssl_cert_file"), "keyfile": _tls_file(settings, "ssl_key_file")}
    return options


def end_when_told(_arbiter: object, _worker: object) -> None:
    """Let a signal to end, which is held back during the fork, end this worker at once: it serves nobody yet."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _END)


def _tls_file(settings: Settings, option: str) -> str:
    path = getattr(settings.api, option)
    if path is None or not path.is_file():
        raise SettingsError(f"[api] enabled_ssl is on, and {option} ({path or 'not set'}) is not a file.")
    return str(path)


def answer_before_the_end(ending: threading.Event) -> None:
    """Let requests that wait be answered when this process is told to stop, rather than use up the time that it has."""
    stop = signal.getsignal(signal.SIGTERM)

    def release(number: int, frame: FrameType | None) -> None:
        ending.set()
        if callable(stop):
            stop(number, frame)

    signal.signal(signal.SIGTERM, release)


@program("magnum-api")
def main(arguments: Sequence[str]) -> int:
    settings = load_settings(arguments, program="magnum-api")
    set_up_process(settings)
    gunicorn_options(settings)
    load_app(make_service(settings))  # in the parent, so that what is wrong is told once and ends us
    _Server(settings).run()
    return 0
