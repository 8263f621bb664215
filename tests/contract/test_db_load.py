"""Many threads and several processes on one database: nobody is told that it is locked, no cluster has two workers.

MAGNUM_LOAD_SECONDS=60 pytest -s tests/contract/test_db_load.py    runs for longer and prints what it measured.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from databases import KINDS

from magnum.db import clusters, events, migrate, operations, projects, services
from magnum.db.engine import open_database
from magnum.db.errors import LeaseLost
from magnum.model.clocks import SystemClock
from magnum.model.events import Event
from magnum.model.operations import DeleteCluster, OperationState
from magnum.model.paging import Page
from magnum.model.requesters import Scope

SECONDS = float(os.environ.get("MAGNUM_LOAD_SECONDS", "2"))
PATIENCE = 60
API_THREADS = 16
ALL = {"create", "list", "delete", "claim", "renew", "finish"}
LEASE = 10.0


class Load:
    """What an API and a conductor do to a database, as fast as they can, and what came of it."""

    def __init__(self, url, make):
        self.url, self.make = url, make
        self.clock = SystemClock()
        self.until = time.monotonic() + SECONDS
        self.done = Counter()
        self.slowest = Counter()
        self.errors = []
        self.held = set()
        self.guard = threading.Lock()

    def run(self, work):
        """Call `work` with a database and random numbers until the time is up."""
        database = open_database(self.url, clock=self.clock)
        numbers = random.Random(threading.get_ident())
        try:
            while self._goes_on() and not self.errors:
                work(database, numbers)
        except Exception as error:  # noqa: BLE001  the test tells all of them
            self.errors.append(error)
        finally:
            database.dispose()

    def _goes_on(self):
        """Until the time is up, and on a slow machine until all has been done."""
        late = time.monotonic() - self.until
        return late < 0 or (late < PATIENCE and not self.done.keys() >= ALL)

    def measure(self, name, run, function, *arguments, **named):
        began = time.monotonic()
        result = run(lambda tx: function(tx, *arguments, **named))
        with self.guard:
            self.done[name] += 1
            self.slowest[name] = max(self.slowest[name], time.monotonic() - began)
        return result

    def api(self, database, numbers):
        project = f"p{numbers.randrange(8)}"
        choice = numbers.random()
        if choice < 0.2:
            self.measure("create", database.write, self.create, project)
            return
        newest = Page(limit=20, descending=True)
        page = self.measure("list", database.read, clusters.summaries, Scope(project_id=project), newest)
        if choice < 0.25 and page:
            delete = self.operation(numbers.choice(page).cluster.uuid, DeleteCluster())
            self.measure("delete", database.write, operations.supersede, delete, longest_call=0)

    def operation(self, uuid, arguments=None):
        return self.make.operation(uuid, arguments, next_attempt=0, created_at=self.clock.now())

    def create(self, tx, project):
        projects.lock(tx, project)
        clusters.count(tx, Scope(project_id=project))
        uuid = self.make.cluster(tx, project_id=project, name=None)
        operations.enqueue(tx, self.operation(uuid))
        events.insert(tx, Event(cluster_uuid=uuid, at=0, kind="cluster.create", text="Created."))

    def conductor(self, database, _numbers):
        given = {"owner": self.make.uuid, "limit": 8, "lease": LEASE}
        claims = self.measure("claim", database.write, operations.claim, **given)
        for claim in claims:
            assert claim.operation.cluster_uuid not in self.held
            self.held.add(claim.operation.cluster_uuid)
        for claim in claims:
            self.work(database, claim)

    def work(self, database, claim):
        uuid = claim.operation.cluster_uuid
        try:
            self.measure("renew", database.write, operations.renew, claim, LEASE)
            self.held.discard(uuid)
            self.measure("finish", database.write, operations.finish, claim, state=OperationState.COMPLETE)
        except LeaseLost:
            self.held.discard(uuid)
            self.measure("let go", database.write, operations.let_go, claim.owner)


@pytest.mark.parametrize("database_url", ["sqlite-file", *KINDS], indirect=True)
def test_api_threads_and_conductors_get_on_with_each_other(database, database_url, make):
    load = Load(database_url, make)
    threads = [threading.Thread(target=load.run, args=(load.api,)) for _ in range(API_THREADS)]
    threads += [threading.Thread(target=load.run, args=(load.conductor,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS + 2 * PATIENCE)
        assert not thread.is_alive()
    for name, count in load.done.items():
        print(f"{name}: {count / SECONDS:.0f}/s, slowest {load.slowest[name]:.3f} s")  # noqa: T201  shown by pytest -s
    assert load.errors == []
    assert set(load.done) >= ALL
    assert load.slowest["renew"] < LEASE, "a conductor can renew in time"
    assert len(database.read(clusters.all_uuids)) == load.done["create"]


BEATS = """
import sys
from magnum.db import services
from magnum.db.engine import open_database
from magnum.model.clocks import SystemClock
database = open_database(sys.argv[1], clock=SystemClock())
for _ in range(int(sys.argv[2])):
    database.write(lambda tx: services.heartbeat(tx, "host", "magnum-conductor"))
"""


@pytest.mark.parametrize("migrated", [True, False])
def test_several_processes_share_a_file(tmp_path, migrated):
    """Also when all of them are the first to open it."""
    url = f"sqlite:///{tmp_path}/magnum.sqlite"
    if migrated:
        migrate.upgrade(url)
    program = BEATS if migrated else "import sys; from magnum.db import migrate; migrate.upgrade(sys.argv[1])\n" + BEATS
    command = [sys.executable, "-W", "error", "-c", program, url, "40"]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for child in children:
        assert child.communicate(timeout=4 * PATIENCE)[1] == ""
    database = open_database(url, clock=SystemClock())
    assert [service.report_count for service in database.read(services.list_all)] == [120]
    assert migrate.check(url) == []
    database.dispose()
