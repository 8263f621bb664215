"""A world in one process, for tests of the conductor and of drivers: a clock that is turned, a database, a fake cloud, and
as many conductors as a test wants.

A conductor here has no threads: it claims what is due and runs it at once. It dies where a test lets `trace` raise `Crash`,
which leaves everything as kill -9 would, and the next one takes over when its lease has lapsed.
"""

import random
import uuid

import msgspec

from magnum.certificates.encryption import Keyring
from magnum.certificates.stores.database import DatabaseStore
from magnum.conductor.drivers import Drivers
from magnum.conductor.lease import Lease
from magnum.conductor.services import ConductorServices, no_trace
from magnum.conductor.worker import Worker
from magnum.conf.conductor import Conductor as ConductorSettings
from magnum.conf.default import Default
from magnum.conf.settings import Settings
from magnum.core import clusters as core_clusters
from magnum.core import new_clusters
from magnum.core.service import Service
from magnum.db import clusters, clustertemplates, events, ledger, nodegroups, nodes, operations, x509keypairs
from magnum.db.engine import open_database
from magnum.db.errors import NotFound
from magnum.db.migrate import create_all
from magnum.drivers.base import DriverServices, NodeAccess
from magnum.drivers.fake.cloud import Cloud
from magnum.drivers.fake.driver import FakeDriver
from magnum.drivers.fake.spec import SPEC
from magnum.drivers.registry import Registry
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.requesters import Requester
from magnum.openstack.catalogue import Catalogue

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
OWNER = Requester(user_id="ann", project_id="fishers", request_id="req-1")
KEYRING = Keyring([b"k" * 32])


class Crash(BaseException):
    """The process ends here; nothing of ours may catch it."""


class TurnedClock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.elapsed = 0.0

    def now(self):
        return START + round(self.elapsed * SECOND)

    def monotonic(self):
        return self.elapsed

    def turn(self, seconds):
        self.elapsed += seconds

    def turn_to(self, instant):
        self.elapsed = max(self.elapsed, (instant - START) / SECOND)


class FakeRegistry(Registry):
    """Knows the fake driver alone, whose calls take their time by turning the clock."""

    def __init__(self, clock):
        super().__init__([SPEC])
        self._clock = clock

    def build(self, spec, services):
        return FakeDriver(services, sleep=self._clock.turn)


class World:
    def __init__(self, directory, *, url="sqlite://", clock=None, registry=None, settings=None, seed=0):
        self.clock = clock or TurnedClock()
        self.settings = settings or Settings(
            default=Default(state_path=directory, host="here"), conductor=ConductorSettings(quiet_period=120.0)
        )
        self.database = open_database(url, clock=self.clock)
        create_all(self.database)
        self.randomness = random.Random(seed)
        self.registry = registry or FakeRegistry(self.clock)
        self.store = DatabaseStore(x509keypairs, self.database, KEYRING)
        self.cloud = Cloud(self.settings.default.state_path / "fake-cloud.sqlite", self.clock)
        self.core = Service(
            database=self.database,
            settings=self.settings,
            clock=self.clock,
            randomness=self.randomness,
            drivers=self.registry,
            catalogue=Catalogue(),
        )
        self.template_uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, "template"))
        self.database.write(lambda tx: clustertemplates.insert(tx, self._template()))

    def close(self):
        self.cloud.close()
        self.database.dispose()

    def _template(self):
        return ClusterTemplate(
            uuid=self.template_uuid,
            name="template",
            project_id=OWNER.project_id,
            user_id=OWNER.user_id,
            coe="kubernetes",
            image_id="fake",
            cluster_distro="fake",
            master_lb_enabled=True,
        )

    # ---- what an owner asks for

    def create(self, *, masters=1, nodes=1, name="seafood", **more):
        new = new_clusters.NewCluster(
            cluster_template_id=self.template_uuid, name=name, master_count=masters, node_count=nodes, **more
        )
        draft = new_clusters.draft(self.core, OWNER, new, unknown_template_is_404=False)
        return new_clusters.create(self.core, OWNER, draft)

    def resize(self, cluster, count, **more):
        core_clusters.resize(self.core, OWNER, cluster, core_clusters.Resize(node_count=count, **more))

    def delete(self, cluster):
        core_clusters.delete(self.core, OWNER, cluster)

    # ---- conductors

    def services(self, trace=no_trace):
        return ConductorServices(
            database=self.database,
            settings=self.settings,
            clock=self.clock,
            randomness=self.randomness,
            registry=self.registry,
            driver_services=DriverServices(
                settings=self.settings,
                clock=self.clock,
                node_access=lambda *_: NodeAccess(url="https://198.18.0.1:9512/v1"),
            ),
            certificate_store=self.store,
            keyring=KEYRING,
            trace=trace,
        )

    def conductor(self, trace=no_trace):
        return SimulatedConductor(self.services(trace))

    def settle(self, trace=no_trace, *, until=lambda: False, turns=1000):
        """Let one conductor run all there is to do, turning the clock whenever it has to wait."""
        conductor = self.conductor(trace)
        for _ in range(turns):
            if until():
                return
            if not conductor.run_due():
                due = self.database.read(operations.next_due)
                if due is None:
                    return
                self.clock.turn_to(due)
        raise AssertionError("the conductor does not come to an end")

    # ---- what is there

    def cluster(self, uuid):
        return self.database.read(lambda tx: clusters.read(tx, uuid))

    def exists(self, uuid):
        try:
            self.cluster(uuid)
        except NotFound:
            return False
        return True

    def groups(self, uuid):
        return {group.name: group for group in self.database.read(lambda tx: nodegroups.of_cluster(tx, uuid))}

    def nodes(self, uuid):
        return self.database.read(lambda tx: nodes.of_cluster(tx, uuid))

    def ledger(self, uuid):
        return self.database.read(lambda tx: ledger.of_cluster(tx, uuid))

    def events(self, uuid):
        return self.database.read(lambda tx: events.of_cluster(tx, uuid))

    def operations(self, uuid):
        """Oldest first."""
        return self.database.read(lambda tx: operations.of_cluster(tx, uuid))[::-1]

    def machines(self, uuid):
        return [thing.name for thing in self.cloud.things(uuid, "machine")]

    def update_operation(self, uuid, **changes):
        """Change rows of operations behind everybody's back."""
        from magnum.db.tables import operation

        self.database.write(lambda tx: tx.execute(operation.update().where(operation.c.uuid == uuid).values(**changes)))


class SimulatedConductor:
    def __init__(self, services):
        self.services = services
        self.worker = Worker(services, Drivers(services.registry, services.driver_services))

    def run_due(self):
        claims = self.worker.claim(lambda: uuid.uuid4().hex, 8)
        for claim in claims:
            self.worker.run(Lease(self.services, claim))
        return len(claims)


def with_labels(**faults):
    return {key: str(value) for key, value in faults.items()}


def replaced(settings, **sections):
    """Give settings with some options of some sections changed: replaced(settings, conductor={"workers": 2})."""
    return msgspec.structs.replace(
        settings,
        **{name: msgspec.structs.replace(getattr(settings, name), **changes) for name, changes in sections.items()},
    )
