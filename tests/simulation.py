"""A world for tests of the conductor and of drivers: a database, a fake cloud, a clock, and any number of conductors.

A simulated conductor has no threads: it claims what is due and runs it at once. It dies where a test lets `trace` raise
`Crash`, which leaves everything as kill -9 would, and the next one takes over when its lease has lapsed.
"""

import contextlib
import random
import uuid

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from databases import LENDER

from magnum.certificates.encryption import Keyring
from magnum.certificates.stores.database import DatabaseStore
from magnum.cmd.conductor import NoListeners
from magnum.conductor.drivers import Drivers
from magnum.conductor.healing import Terms, start_healing
from magnum.conductor.lease import Lease
from magnum.conductor.services import ConductorServices, no_trace
from magnum.conductor.worker import Worker
from magnum.conf.default import Default
from magnum.conf.settings import Settings
from magnum.core import clusters as core_clusters
from magnum.core import new_clusters, retries
from magnum.core import nodegroups as core_nodegroups
from magnum.core import rotations as core_rotations
from magnum.core import upgrades as core_upgrades
from magnum.core.service import Service
from magnum.db import clusters, clustertemplates, events, ledger, nodegroups, nodes, operations, x509keypairs
from magnum.db.engine import open_database
from magnum.db.errors import NotFound
from magnum.db.migrate import create_all
from magnum.db.tables import operation
from magnum.drivers.base import DriverServices, Feature
from magnum.drivers.fake.cloud import Cloud
from magnum.drivers.fake.driver import FakeDriver
from magnum.drivers.fake.spec import SPEC
from magnum.drivers.registry import Registry
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.requesters import Requester, Scope
from magnum.openstack.catalogue import Catalogue
from magnum.openstack.offers import Image

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
OWNER = Requester(user_id="ann", project_id="fishers", request_id="req-1")
OFFERS = Catalogue(images=(Image(id="1", name="fake", os_distro="fake"),))
KEYRING = Keyring([b"k" * 32])


class Crash(BaseException):
    """The process ends here; nothing of ours may catch it."""


class AtPoint:
    """A trace that does something at its nth point, of those that count, and remembers the points that came after."""

    def __init__(self, number, action, *, counts=lambda _: True):
        self._number = number
        self._action = action
        self._counts = counts
        self._count = 0
        self._reached_at = None
        self.seen = []
        self.dead = False

    def __call__(self, point):
        if self.dead:
            raise Crash(point)  # on the way out: whoever is dead does nothing more
        self.seen.append(point)
        self._count += self._counts(point)
        if self._count == self._number and not self.reached:
            self._reached_at = len(self.seen)
            self._action()

    def die(self):
        self.dead = True
        raise Crash(self.seen[-1])

    @property
    def reached(self):
        return self._reached_at is not None

    @property
    def point(self):
        return f"point {self._number}: {self.seen[self._reached_at - 1]}"

    @property
    def after(self):
        return self.seen[self._reached_at :]


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
    """Knows the fake driver alone."""

    def __init__(self, *, sleep, call_timeout=SPEC.longest_call, features=SPEC.features):
        super().__init__([msgspec.structs.replace(SPEC, longest_call=call_timeout, features=features)])
        self._options = {"sleep": sleep, "call_timeout": call_timeout}

    def build(self, _spec, services):
        return FakeDriver(services, **self._options)


class World:
    """What a directory holds. The database is in memory unless one is given; time stands still without a clock.

    With `clouds`, clusters are made by trusts of their owners.
    """

    def __init__(
        self,
        directory,
        *,
        url=None,
        clock=None,
        database=None,
        registry=None,
        seed=0,
        fresh=True,
        clouds=None,
        **sections,
    ):
        self.clouds = clouds
        self._until = contextlib.ExitStack()
        self.clock = clock or TurnedClock()
        self.settings = Settings(default=Default(state_path=directory, host="here"), **sections)
        self.database = database or self._open(url, fresh=fresh)
        self.randomness = random.Random(seed)
        features = SPEC.features | ({Feature.OWNERS_CLOUD, Feature.NODE_TRUSTEE} if clouds else set())
        self.registry = registry or FakeRegistry(sleep=self.clock.turn, features=features)
        self.listeners = NoListeners()
        self.store = DatabaseStore(x509keypairs, self.database, KEYRING)
        self.cloud = Cloud(self.settings.default.state_path / "fake-cloud.sqlite", self.clock)
        self.core = Service(
            database=self.database,
            settings=self.settings,
            clock=self.clock,
            randomness=self.randomness,
            drivers=self.registry,
            catalogue=OFFERS,
            clouds=clouds,
        )
        self.template_uuid = "952f3c65-de53-480f-a445-1a0c69d6f56c"
        if fresh:
            self.database.write(lambda tx: clustertemplates.insert(tx, self.template()))

    def _open(self, url, *, fresh):
        if url is None:
            return self._until.enter_context(LENDER.lent(self.clock))
        database = open_database(url, clock=self.clock)
        self._until.callback(database.dispose)
        if fresh:
            create_all(database)
        return database

    def close(self):
        """Whatever was given from outside stays open."""
        self.cloud.close()
        self._until.close()

    def template(self):
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

    def create(self, *, masters=1, nodes=1, name="seafood", cloud=None, **more):
        new = new_clusters.NewCluster(
            cluster_template_id=self.template_uuid, name=name, master_count=masters, node_count=nodes, **more
        )
        draft = new_clusters.draft(self.core, OWNER, new, unknown_template_is_404=False)
        return new_clusters.create(self.core, OWNER, draft, OFFERS, cloud=cloud)

    def resize(self, cluster, count, **more):
        core_clusters.resize(self.core, OWNER, cluster, core_clusters.Resize(node_count=count, **more))

    def add_group(self, cluster, name="gpu", **more):
        new = core_nodegroups.NewNodeGroup(name=name, **more)
        return core_nodegroups.create(self.core, OWNER, cluster, Scope.own(OWNER), new, offers=OFFERS).group.uuid

    def change_group(self, cluster, name, **changes):
        core_nodegroups.update(self.core, OWNER, self.groups(cluster)[name], changes)

    def remove_group(self, cluster, name="gpu"):
        core_nodegroups.delete(self.core, OWNER, cluster, name, Scope.own(OWNER))

    def make_template(self, uuid, **changes):
        template = msgspec.structs.replace(self.template(), uuid=uuid, **changes)
        self.database.write(lambda tx: clustertemplates.insert(tx, template))
        return uuid

    def upgrade(self, cluster, template, **more):
        asked = core_upgrades.Upgrade(cluster_template=template, **more)
        core_upgrades.upgrade(self.core, OWNER, cluster, asked)

    def rotate_ca(self, cluster):
        core_rotations.rotate_ca(self.core, OWNER, cluster)

    def rotate_credential(self, cluster):
        core_rotations.rotate_credential(self.core, OWNER, cluster)

    def heal(self, cluster, *names):
        """What a conductor asks for that has found these nodes dead."""
        for name in names:
            self.cloud.set_member(cluster, name, member=False)
        dead = [node for node in self.nodes(cluster) if node.name in names]
        terms = Terms(interval=60, minutes=60, randomness=self.randomness)
        self.database.write(lambda tx: start_healing(tx, clusters.read(tx, cluster), dead, terms))

    def delete(self, cluster):
        core_clusters.delete(self.core, OWNER, cluster)

    def retry(self, cluster):
        return retries.retry(self.core, OWNER, cluster)

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
                node_listeners=self.listeners,
                clouds=self.clouds,
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


def make_csr(key, common_name="admin"):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode()
