"""Whatever is asked of a cluster, however its provider behaves: statuses keep to the table, failures have reasons."""

import contextlib
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulation import World

from magnum.core.errors import Refused
from magnum.model.statuses import FAILED, TRANSITIONS

CALLS = ["create_network", "create_machine", "join", "leave", "delete_machine", "delete_network"]
faults = st.one_of(
    st.builds(
        "{}:{}:{}".format, st.sampled_from(["unreachable", "lost-answer"]), st.sampled_from(CALLS), st.integers(1, 7)
    ),
    st.builds("late:{}:{}".format, st.sampled_from(CALLS), st.integers(1, 90)),
    st.builds("refuse:{}:not today".format, st.sampled_from(CALLS[:4])),
    st.builds("quota:{}".format, st.integers(0, 4)),
    st.builds("break:step@{}:broken".format, st.sampled_from(["master-1", "worker-1", "worker-3"])),
)
requests = st.one_of(
    st.tuples(st.just("resize"), st.integers(0, 4)),
    st.tuples(st.just("run"), st.integers(1, 4)),
    st.tuples(st.just("wait"), st.integers(1, 200)),
    st.tuples(st.just("delete"), st.just(0)),
)
NEXT = {}
for (before, _), status in TRANSITIONS.items():
    NEXT.setdefault(before, set()).add(status)


class Watcher:
    """Looks at the statuses after every commit."""

    def __init__(self, world, cluster):
        self._world = world
        self._cluster = cluster
        self._last = {}

    def __call__(self, point):
        if point == "committed":
            self.look()

    def look(self):
        if not self._world.exists(self._cluster):
            return
        cluster = self._world.cluster(self._cluster)
        self._check("the cluster", cluster.status, cluster.status_reason)
        for name, group in self._world.groups(self._cluster).items():
            self._check(name, group.status, group.status_reason)

    def _check(self, what, status, reason):
        before = self._last.get(what, status)
        assert status == before or status in NEXT[before], f"{what}: {before} to {status}"
        assert reason or status not in FAILED, f"{what} is {status} and says nothing"
        self._last[what] = status


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(faults, max_size=3), st.lists(requests, max_size=6), st.integers(0, 2))
def test_any_sequence_of_events_keeps_to_the_table_and_every_failure_has_a_reason(one_key, faults, asked, nodes):
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        cluster = world.create(nodes=nodes, create_timeout=5, labels={"fake_faults": ";".join(faults)})
        watcher = Watcher(world, cluster)
        watcher.look()
        conductor = world.conductor(watcher)
        for request, number in asked:
            ask(world, cluster, conductor, request, number)
            watcher.look()
        if world.exists(cluster):
            world.delete(cluster)
            watcher.look()
        world.settle(watcher)
        assert not world.exists(cluster)
        assert world.cloud.things(cluster) == []
        world.close()


def ask(world, cluster, conductor, request, number):
    match request:
        case "run":
            for _ in range(number):
                conductor.run_due()
        case "wait":
            world.clock.turn(number)
        case _ if not world.exists(cluster):
            pass
        case "delete":
            world.delete(cluster)
        case "resize":
            with contextlib.suppress(Refused):  # as it must be in most statuses
                world.resize(cluster, number)
