"""The conductor: it looks for due operations, runs each in a thread, keeps leases, signs, and shows that it lives.

Any number of conductors may run on one database; what each may touch is decided by leases, nothing is divided up. A
thread that is stuck beyond its step's time limit no longer counts as busy: its lease lapses, and whoever claims the
operation then goes on without it. The health of clusters is looked at beside all that (`health`).

On `stop` nothing new is claimed and no provider call is begun; what runs is waited for, and its operation given back.
A step that is inside a provider call when the patience ends is left alone: the process exits, and its lease lapses.
"""

import logging
import os
import threading
import uuid

from magnum.db import services as service_records
from magnum.db.errors import LeaseLost
from magnum.model.clocks import MICROSECONDS
from magnum.model.operations import Claim

from .drivers import Drivers
from .health import HealthPoller
from .lease import Lease
from .loops import Loop
from .orphans import OrphanTrusts
from .secrets import check_keys
from .services import ConductorServices
from .signing import Signer
from .trust_checks import TrustChecks
from .worker import Worker

LOG = logging.getLogger(__name__)
BINARY = "magnum-conductor"
_HEARTBEAT_SECONDS = 60.0
_STUCK_PER_WORKER = 4
"""So many stuck threads for each worker, and no more: then the process has to be looked at."""


class Conductor:
    def __init__(self, services: ConductorServices) -> None:
        self._services = services
        self._settings = services.settings.conductor
        self._drivers = Drivers(services.registry, services.driver_services)
        self._worker = Worker(services, self._drivers)
        self._signer = Signer(services)
        self._health = HealthPoller(services, self._drivers)
        self._lock = threading.Lock()
        self._running: dict[threading.Thread, Lease] = {}
        self._stopping = threading.Event()
        self._resumed = False
        monotonic = services.clock.monotonic
        self._claims = Loop("claims", self._claim, monotonic)
        self._renewals = Loop("renewals", self._renew, monotonic)
        self._signatures = Loop("signatures", self._sign, monotonic)
        self._heartbeats = Loop("heartbeats", self._heartbeat, monotonic)
        clouds = services.driver_services.clouds
        self._trusts = [
            Loop("trusts", look, monotonic)
            for look in ((OrphanTrusts(services, clouds).look, TrustChecks(services, clouds).look) if clouds else ())
        ]

    def start(self) -> None:
        """Raises `EncryptionError` when secrets could not be opened or written; then nothing has been started."""
        check_keys(self._services.database, self._services.keyring)
        for loop in (self._heartbeats, self._renewals, self._signatures, self._claims):
            loop.start()
        for loop in self._trusts:
            loop.start()
        self._health.start()

    def stop(self, timeout: float) -> bool:
        """Stop as described above; true when everything has come to its end within `timeout` seconds."""
        patience = self._services.clock.monotonic() + timeout
        self._stopping.set()
        self._claims.stop(timeout)
        with self._lock:
            for lease in self._running.values():
                lease.cut_short()
        for thread in self._threads():
            thread.join(max(0.0, patience - self._services.clock.monotonic()))
        ended = not self._threads()
        ended &= self._health.stop(patience - self._services.clock.monotonic())
        for loop in (*self._trusts, self._signatures, self._renewals, self._heartbeats):
            ended &= loop.stop(patience - self._services.clock.monotonic())
        return ended

    def wake(self) -> None:
        """There may be work: look now."""
        self._claims.wake()

    def wake_signing(self) -> None:
        """Someone waits for a signature."""
        self._signatures.wake()

    # ---- claims

    def _claim(self) -> float:
        if not self._resumed:
            self._drivers.resume()
            self._resumed = True
            LOG.info("What a stop of this host took down is back; operations are claimed from now on.")
        free = self._free_workers()
        if free > 0 and not self._stopping.is_set():
            for claim in self._worker.claim(self._new_owner, free):
                self._start_worker(claim)
        return self._settings.poll_milliseconds / 1000

    def _free_workers(self) -> int:
        with self._lock:
            stuck = sum(lease.overdue for lease in self._running.values())
            busy = len(self._running) - stuck
        if stuck >= _STUCK_PER_WORKER * self._settings.workers:
            LOG.error("%s threads are stuck in steps beyond their time limits; nothing new is begun.", stuck)
            return 0
        return self._settings.workers - busy

    def _new_owner(self) -> str:
        """Name one claim; never the same twice, in any process."""
        return f"{self._services.settings.default.host[:20]}:{os.getpid()}:{uuid.uuid4().hex}"

    def _start_worker(self, claim: Claim) -> None:
        lease = Lease(self._services, claim)
        thread = threading.Thread(target=self._work, args=(lease,), name=claim.operation.uuid, daemon=True)
        with self._lock:
            self._running[thread] = lease
        try:
            thread.start()
        except RuntimeError:  # no more threads on this host: the lease lapses, and others may take the operation
            with self._lock:
                del self._running[thread]
            raise

    def _work(self, lease: Lease) -> None:
        try:
            due = self._worker.run(lease, stopping=self._stopping.is_set)
        except Exception:
            # Not a step's error, those are settled: the lease lapses, and that is the pause before the next try.
            LOG.exception("The worker of operation %s met an error that nobody foresaw.", lease.claim.operation.uuid)
            due = self._services.clock.now() + round(self._settings.lease_seconds * MICROSECONDS)
        finally:
            with self._lock:
                all_were_busy = len(self._running) >= self._settings.workers
                del self._running[threading.current_thread()]
        if due is None or all_were_busy:
            self._claims.wake()
        if due is not None:
            seconds = (due - self._services.clock.now()) / MICROSECONDS
            self._claims.wake_at(self._services.clock.monotonic() + seconds)

    def _threads(self) -> list[threading.Thread]:
        with self._lock:
            return list(self._running)

    # ---- the other threads

    def _renew(self) -> float:
        with self._lock:
            leases = list(self._running.values())
        for lease in leases:
            try:
                lease.keep()
            except LeaseLost as lost:
                LOG.info("%s", lost)
        return self._settings.renew_seconds

    def _sign(self) -> float:
        signed = self._signer.sign_waiting()
        return 0.0 if signed else self._settings.poll_milliseconds / 1000

    def _heartbeat(self) -> float:
        host = self._services.settings.default.host
        self._services.database.write(lambda tx: service_records.heartbeat(tx, host, BINARY))
        self._signer.forget_expired()
        return min(_HEARTBEAT_SECONDS, self._services.settings.default.service_down_time / 3)
