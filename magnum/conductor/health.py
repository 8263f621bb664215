"""The health of clusters: looked at once in an interval, by one of the conductors, and written down.

A conductor claims what is due (`db.health`), as many as it has threads free, so all share the work by how quick they
are; one that takes a minute to answer holds one thread and no other cluster. Only the columns of the health and of the
versions are written. Whether the verdict leads to the replacement of nodes is decided in `healing`, in the same
transaction.

An error that says nothing of the cluster (no driver, no certificate) leaves the stored health as it is; it is read as
UNKNOWN when it has become too old (`model.health.believe`).
"""

import logging
import threading

from sqlalchemy import Connection

from magnum.db import authorities, clusters, events, health, operations
from magnum.db.engine import Database
from magnum.db.errors import DatabaseUnreachable, NotFound
from magnum.db.health import Look
from magnum.drivers.base import HEALTH_LIMIT, ClientTls, Heals, TellsHealth
from magnum.model.clocks import MICROSECONDS
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.events import Event, EventLevel
from magnum.model.failures import Fatal, Retry
from magnum.model.health import Health, bounded, is_reported_by_itself
from magnum.model.nodes import Node
from magnum.model.signing import CaType
from magnum.model.statuses import HealthStatus

from . import healing
from .drivers import Drivers
from .healing import Seen, Terms
from .loops import Loop
from .rows import Known, read_known
from .secrets import open_client_tls
from .services import ConductorServices

LOG = logging.getLogger(__name__)
WORKERS = 8
_STUCK_PER_WORKER = 4
_LOOKS_PER_INTERVAL = 4
_LONGEST_PAUSE = 15.0
_MOST_TROUBLES = 5
_LONGEST_TROUBLE = 300


class Looking:
    """Implements `LookContext`."""

    def __init__(self, services: ConductorServices, known: Known, template: ClusterTemplate) -> None:
        self._services = services
        self._known = known
        self.template = template

    @property
    def cluster(self) -> Cluster:
        return self._known.cluster

    @property
    def nodes(self) -> tuple[Node, ...]:
        return self._known.nodes

    def client_tls(self) -> ClientTls:
        uuid = self.cluster.uuid
        beside = self._services.database.read(lambda tx: authorities.of_cluster(tx, uuid, CaType.KUBERNETES))
        return open_client_tls(self._services.certificate_store, self.cluster, beside)


class HealthChecks:
    """One check after the other; no threads."""

    def __init__(self, services: ConductorServices, drivers: Drivers) -> None:
        self._services = services
        self._drivers = drivers
        self.interval = services.settings.kubernetes.health_seconds
        self._terms = Terms(
            interval=self.interval,
            minutes=services.settings.conductor.update_timeout,
            randomness=services.randomness,
        )

    def claim(self, limit: int) -> list[Look]:
        """Take up to so many clusters that are due. Whoever dies over one leaves it to others a while later."""
        database = self._services.database
        at, found = database.read(lambda tx: _find_due(tx, limit))
        if not found:
            return []
        until = at + round(max(self.interval, HEALTH_LIMIT) * MICROSECONDS)
        return database.write(lambda tx: health.claim(tx, found, at=at, until=until))

    def check(self, look: Look) -> None:
        """Ask the cluster, and store the answer, unless it is no longer of interest."""
        try:
            told = self._ask(look.cluster_uuid)
        except NotFound:
            return  # deleted meanwhile
        except (Retry, Fatal) as failure:
            LOG.warning("The health of the cluster %s could not be looked at: %s", look.cluster_uuid, failure)
            return
        if told is not None:
            verdict, terms = told
            due_at = look.at + self.interval * MICROSECONDS
            self._services.database.write(lambda tx: _store(tx, look, verdict, due_at, terms))

    def _ask(self, uuid: str) -> tuple[Health, Terms | None] | None:
        """Give the verdict, and the terms of healing where there can be one; None where others look, or nobody can."""
        known = self._services.database.read(lambda tx: read_known(tx, uuid))
        if is_reported_by_itself(known.cluster.labels):
            return None
        driver = self._drivers.of(known)
        assert known.template is not None, "the driver was found by it"
        if not isinstance(driver, TellsHealth):
            return None
        verdict = driver.health(Looking(self._services, known, known.template))
        return verdict, self._terms if isinstance(driver, Heals) else None


class HealthPoller:
    """The threads: one that claims, and one for each cluster that is being asked."""

    def __init__(self, services: ConductorServices, drivers: Drivers, *, workers: int = WORKERS) -> None:
        settings, self._monotonic = services.settings, services.clock.monotonic
        self._enabled = settings.kubernetes.looks_at_health and settings.default.periodic_enable
        self._checks = HealthChecks(services, drivers)
        self._workers = workers
        self._lock = threading.Lock()
        self._running: dict[threading.Thread, float] = {}
        self._loop = Loop("health", self._claim, self._monotonic)

    def start(self) -> None:
        if self._enabled:
            self._loop.start()

    def stop(self, timeout: float) -> bool:
        patience = self._monotonic() + timeout
        ended = self._loop.stop(timeout)
        for thread in self._threads():
            thread.join(max(0.0, patience - self._monotonic()))
        return ended and not self._threads()

    def _claim(self) -> float:
        free = self._free_workers()
        for look in self._checks.claim(free) if free > 0 else ():
            thread = threading.Thread(target=self._check, args=(look,), name=f"health {look.cluster_uuid}", daemon=True)
            with self._lock:
                self._running[thread] = self._monotonic()
            try:
                thread.start()
            except RuntimeError:  # no more threads on this host: the claim lapses
                with self._lock:
                    del self._running[thread]
                raise
        return min(_LONGEST_PAUSE, self._checks.interval / _LOOKS_PER_INTERVAL)

    def _check(self, look: Look) -> None:
        try:
            self._checks.check(look)
        except DatabaseUnreachable as error:
            LOG.warning("The check of the cluster %s: %s", look.cluster_uuid, error)
        except Exception:
            LOG.exception("The check of the cluster %s met an error that nobody foresaw.", look.cluster_uuid)
        finally:
            with self._lock:
                were_all_busy = len(self._running) >= self._workers
                del self._running[threading.current_thread()]
        if were_all_busy:
            self._loop.wake()

    def _free_workers(self) -> int:
        """Count the threads that may be begun; one that is stuck in a driver no longer counts, up to a point."""
        begun = self._monotonic() - HEALTH_LIMIT
        with self._lock:
            stuck = sum(started < begun for started in self._running.values())
            busy = len(self._running) - stuck
        if stuck >= _STUCK_PER_WORKER * self._workers:
            LOG.error("%s threads are stuck in checks of clusters beyond their time; none is checked any more.", stuck)
            return 0
        return self._workers - busy

    def _threads(self) -> list[threading.Thread]:
        with self._lock:
            return list(self._running)


def _find_due(tx: Connection, limit: int) -> tuple[int, list[health.Due]]:
    at = Database.now(tx)
    return at, health.find_due(tx, at, limit)


def _store(tx: Connection, look: Look, verdict: Health, due_at: int, terms: Terms | None) -> None:
    cluster = health.lock(tx, look)
    if cluster is None:
        return
    before = _seen_before(tx, cluster)
    wanted = {
        "health_status": verdict.status.value,
        "health_status_reason": bounded(verdict),
        "coe_version": verdict.coe_version or cluster.coe_version,
        "container_version": verdict.container_version or cluster.container_version,
    }
    changes = {name: value for name, value in wanted.items() if value != getattr(cluster, name)}
    if changes:
        clusters.update(tx, cluster.uuid, **changes)
        operations.touch(tx, cluster.uuid)
    if "health_status" in changes and (cluster.health_status or HealthStatus.HEALTHY) != verdict.status:
        events.insert(tx, _event(look, cluster.health_status, verdict))
    health.seen(tx, look, due_at=due_at)
    if terms is not None:
        healing.consider(tx, cluster, before, Seen(reason=verdict.reason, at=look.at), terms)


def _seen_before(tx: Connection, cluster: Cluster) -> Seen | None:
    """Give the look before, if the stored health is what a look has found."""
    state = operations.look(tx, cluster.uuid)
    if state is None or state.health_observed_at is None:
        return None
    return Seen(reason=cluster.health_status_reason, at=state.health_observed_at)


def _event(look: Look, before: str | None, verdict: Health) -> Event:
    """Tell of a change: every one but the first look at a cluster that is well."""
    troubles = [f"{name}: {text[:_LONGEST_TROUBLE]}" for name, text in sorted(verdict.troubles.items())]
    more = [f"and {len(troubles) - _MOST_TROUBLES} more"] if len(troubles) > _MOST_TROUBLES else []
    why = "; ".join(troubles[:_MOST_TROUBLES] + more) or "all is well"
    was = f"; it was {before}" if before else ""
    is_well = verdict.status is HealthStatus.HEALTHY
    return Event(
        cluster_uuid=look.cluster_uuid,
        at=look.at,
        kind="cluster.health",
        text=f"The cluster is {verdict.status}{was}: {why.removesuffix('.')}.",
        level=EventLevel.INFO if is_well else EventLevel.WARNING,
    )
