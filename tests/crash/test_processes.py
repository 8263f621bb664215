"""Two conductors in processes of their own, on one database and one cloud, are killed or paused at random moments.

Three clusters go through their lives meanwhile. Whatever happens to the conductors, each phase ends as if nothing had.
There is one thing that nobody can keep a conductor from: to be paused when a call is all but sent, and to send it when
it wakes up, long after another one has taken over and gone on. What such a call makes is on the ledger, and the sweep
finds it (docs/ledger.md).
"""

import multiprocessing
import os
import random
import signal
import threading
import time
from pathlib import Path

import conductor_process
import pytest
from conductor_process import SETTINGS, open_world

from magnum.db.tables import cloud_resource, cluster_state, x509keypair
from magnum.model.ledger import ResourceState
from magnum.model.statuses import Status

CLUSTERS = 3
LATENCIES = {"fake_latencies": "create_machine:0.08;boot:0.3;join:0.03;delete_machine:0.05;vanish:0.2"}
PAUSE = SETTINGS.lease_seconds + 0.8
PATIENCE = 150.0
ENOUGH = 3
SIZES = (4, 1) * 10


class Conductors:
    """Two conductors, and a thread that troubles them until it is told to leave off."""

    def __init__(self, directory, trouble, seed):
        self._directory = directory
        self._trouble = trouble
        self._random = random.Random(seed)
        self._peace = threading.Event()
        # A server that has imported everything once: a new conductor is there at once, as its kill may be.
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["conductor_process"])
        self._alive = [self._spawn(), self._spawn()]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.troubles = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._peace.set()
        self._thread.join()
        for process in self._alive:
            process.kill()
            process.join()

    def _spawn(self):
        started = self._processes.Event()
        process = self._processes.Process(target=conductor_process.run_conductor, args=(self._directory, started))
        process.start()
        assert started.wait(30)
        return process

    def _run(self):
        while not self._peace.wait(self._random.uniform(0.1, 0.7)):
            self._trouble(self, self._random.randrange(len(self._alive)))
            self.troubles += 1

    def kill(self, index):
        self._alive[index].kill()
        self._alive[index].join()
        self._alive[index] = self._spawn()

    def pause(self, index):
        os.kill(self._alive[index].pid, signal.SIGSTOP)
        self._peace.wait(PAUSE)
        os.kill(self._alive[index].pid, signal.SIGCONT)


@pytest.mark.parametrize("trouble", [Conductors.kill, Conductors.pause])
def test_the_lives_of_clusters_whose_conductors_are_troubled(trouble, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(conductor_process.__file__).parent))  # for the processes
    world = open_world(tmp_path, fresh=True)
    with Conductors(tmp_path, trouble, seed=3) as conductors:
        clusters = [world.create(name=f"c{number}", nodes=2, labels=LATENCIES) for number in range(CLUSTERS)]
        await_status(world, clusters, Status.CREATE_COMPLETE)
        assert [len(world.machines(cluster)) for cluster in clusters] == [3] * CLUSTERS
        for count in SIZES:
            for cluster in clusters:
                world.resize(cluster, count)
            await_status(world, clusters, Status.UPDATE_COMPLETE)
            assert_nodes(world, clusters, count + 1, late=trouble is Conductors.pause)
            if count == SIZES[1] and conductors.troubles >= ENOUGH:
                break  # how long a life takes is the machine's affair; how often it is troubled is ours
        for cluster in clusters:
            world.delete(cluster)
        wait_for(lambda: not any(world.exists(cluster) for cluster in clusters))
        wait_for(lambda: count_rows(world, cluster_state) == 0)
        assert conductors.troubles >= ENOUGH
    for cluster in clusters:
        assert world.cloud.things(cluster) == []
        history = world.cloud.history(cluster)
        if trouble is Conductors.kill:
            assert len(history) == len(set(history)), "something was made twice"
        assert {what for what, _, _ in history} == {"made", "gone"}
    assert count_rows(world, cloud_resource) == count_rows(world, x509keypair) == 0
    world.close()


def assert_nodes(world, clusters, count, *, late):
    """Every node has its machine; a machine without a node can only be one that came late, and the ledger knows it."""
    for cluster in clusters:
        wanted = {node.name for node in world.nodes(cluster)}
        machines = set(world.machines(cluster))
        assert len(wanted) == count
        assert machines >= wanted
        came_late = machines - wanted
        assert not came_late or late
        assert came_late <= {row.name for row in world.ledger(cluster) if row.state is ResourceState.GONE}


def await_status(world, clusters, status):
    def reached():
        found = [world.cluster(cluster) for cluster in clusters]
        assert not [cluster.status_reason for cluster in found if cluster.status.endswith("_FAILED")]
        return all(cluster.status == status for cluster in found)

    wait_for(reached)


def wait_for(condition):
    patience = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < patience, "it takes too long"
        time.sleep(0.05)


def count_rows(world, table):
    return len(world.database.read(lambda tx: tx.execute(table.select()).all()))
