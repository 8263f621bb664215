"""A roll on a host and a cluster that are a few dictionaries: interrupted at every call, and with all that may fail."""

import contextlib
import itertools
from types import SimpleNamespace

import msgspec
import pytest
from pods import pod

from magnum.coe.kubernetes_calls import KubernetesUnreachable
from magnum.coe.kubernetes_values import (
    ClusterVersion,
    Eviction,
    EvictionResult,
    KubernetesNode,
    Readiness,
)
from magnum.drivers.kubernetes.draining import DRAIN_LIMIT
from magnum.drivers.kubernetes.infrastructure import Server
from magnum.drivers.kubernetes.roll import TURN, Roll
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import Operation, OperationState, UpgradeNodeGroup
from magnum.model.outcomes import Done, Wait
from magnum.nodes.kubernetes.versions import Version

OLD, NEW = "v1.20.2", "v1.21.0"
CLUSTER = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"
SECOND = 1_000_000


class Died(BaseException):
    """The conductor dies here."""


class World:
    """The context, the host and the cluster in one. Turning the clock lets machines boot and pods move."""

    drain_limit = DRAIN_LIMIT

    def __init__(self, *, masters=1, workers=2, at_once=None):
        names = [f"m-{number}" for number in range(1, masters + 1)] + [
            f"w-{number}" for number in range(1, workers + 1)
        ]
        self.rows = {
            name: Node(
                uuid=name,
                cluster_uuid=CLUSTER,
                nodegroup_uuid=name[0],
                number=int(name[2:]),
                name=name,
                role="master" if name[0] == "m" else "worker",
                state=NodeState.JOINED,
            )
            for name in names
        }
        self.wanted = NEW
        self.hosts = {name: Server(running=True, edition=f"{OLD} x", instance="first") for name in names}
        self.members = {name: member(name) for name in names}
        self.work = {name: [pod(f"on-{name}", name)] for name in names if name[0] == "w"}
        self.blocked = set()
        self.broken = set()
        self.silent = set()
        self.told = []
        self.out = []
        """Which nodes were out at the same time, whenever that changed."""
        self.rebuilt = []
        self.booted_at = {}
        self.batches = 0
        self.seconds = 1
        self.calls = itertools.count(1)
        self.dies_at = None
        self.operation = None
        self.ask("first", at_once)

    def ask(self, uuid, at_once=None):
        self.operation = Operation(
            uuid=uuid,
            cluster_uuid=CLUSTER,
            arguments=UpgradeNodeGroup("w", "old", "new", at_once),
            state=OperationState.ACTIVE,
            next_attempt=0,
            created_at=0,
        )

    # ---- the context

    @property
    def clock(self):
        return SimpleNamespace(now=lambda: self.seconds * SECOND)

    @property
    def nodes(self):
        return tuple(self.rows.values())

    changing = nodes

    @contextlib.contextmanager
    def provider_call(self, what, *, timeout):
        assert what
        assert timeout <= 30
        self.die_sometimes()
        yield
        self.die_sometimes()

    def die_sometimes(self):
        if next(self.calls) == self.dies_at:
            raise Died

    def save_node(self, node):
        self.rows[node.name] = node

    def batch_done(self):
        self.batches += 1

    def event(self, text, **_):
        self.told.append(text)

    # ---- the host

    def servers(self, _):
        return dict(self.hosts)

    def edition(self, _, node):
        assert node
        return f"{self.wanted} x"

    def rebuilt_as(self, _, node):
        return f"{node.uuid}/{self.operation.uuid}"

    def rebuild(self, _, node):
        with self.provider_call(f"rebuild {node.name}", timeout=30):
            self.save_node(msgspec.structs.replace(node, state=NodeState.PLANNED, failed_step=None, report=None))
            self.rebuilt.append(node.name)
            self.hosts[node.name] = Server(
                running=True, edition=self.edition(None, node), instance=self.rebuilt_as(None, node)
            )
            self.work[node.name] = []
            self.booted_at[node.name] = self.seconds + 10
        self.note()
        return Done()

    def revived(self, _, node):
        self.hosts[node.name] = msgspec.structs.replace(self.hosts[node.name], running=True)
        return Retry(Code.NODE_DEAD, f"{node.name} was started again")

    # ---- the cluster

    def client(self, _):
        if not any(self.answers(node) for node in self.nodes if node.role == "master"):
            raise KubernetesUnreachable("nobody answers")
        return Api(self)

    def client_of(self, _, node):
        if not self.answers(node):
            raise KubernetesUnreachable(f"{node.name} does not answer")
        return Api(self)

    def answers(self, node):
        return node.state in (NodeState.REPORTED, NodeState.JOINED) and self.hosts[node.name].running

    def note(self):
        """Write down who is out, and who is only closed for new work."""
        out = frozenset(
            name
            for name, row in self.rows.items()
            if row.state is not NodeState.JOINED or self.members[name].unschedulable
        )
        if not self.out or self.out[-1] != out:
            self.out.append(out)

    def turn(self):
        """Let some seconds pass: evicted pods have gone, machines have booted, kubelets are back."""
        self.seconds += 5
        for name, row in list(self.rows.items()):
            self.work[name] = [one for one in self.work.get(name, []) if not one.terminating]
            boot = f"boot of {name}/{self.hosts[name].instance}"
            if row.state is NodeState.REPORTED and self.members[name].boot_id != boot:
                change = {"boot_id": boot, "kubelet_version": self.wanted, "ready": True}
                self.members[name] = msgspec.structs.replace(self.members[name], **change)
            if row.state is NodeState.PLANNED and name in self.broken:
                self.rows[name] = msgspec.structs.replace(
                    row, state=NodeState.FAILED, failed_step="20-make-certificates", report="no route"
                )
            elif row.state is NodeState.PLANNED and name not in self.silent and self.booted_at[name] <= self.seconds:
                self.rows[name] = msgspec.structs.replace(row, state=NodeState.REPORTED)
        self.note()

    def run(self, step, *, most=100):
        """Run it as a conductor does, until it is done; give what its owner could read."""
        seen = []
        for _ in range(most):
            outcome = step(self)
            if outcome == Done():
                return seen
            assert isinstance(outcome, Wait)
            seen.append(outcome.reason)
            self.turn()
        pytest.fail(f"it never ends: {seen[-3:]}")


class Api:
    def __init__(self, world):
        self._world = world

    def nodes(self):
        return tuple(self._world.members.values())

    def pods(self, name):
        return tuple(self._world.work.get(name, ()))

    def version(self):
        return ClusterVersion(1, 20, OLD)

    def readiness(self):
        return Readiness(True, ())

    def cordon(self, name):
        self._change(name, unschedulable=True)

    def uncordon(self, name):
        self._change(name, unschedulable=False)

    def annotate(self, name, annotations):
        kept = {**self._world.members[name].annotations, **annotations}
        self._change(name, annotations={key: text for key, text in kept.items() if text is not None})

    def evict(self, one, version):
        assert version == self.version()
        if one.name in self._world.blocked:
            return Eviction(EvictionResult.BLOCKED, "web", "Cannot evict pod: budget web.")
        pods = self._world.work[one.node]
        pods[pods.index(one)] = msgspec.structs.replace(one, terminating=True)
        return Eviction(EvictionResult.STARTED)

    def _change(self, name, **changes):
        self._world.members[name] = msgspec.structs.replace(self._world.members[name], **changes)
        self._world.note()


def member(name):
    return KubernetesNode(
        name=name,
        uid=f"uid of {name}",
        created=0,
        ready=True,
        reason="",
        unschedulable=False,
        kubelet_version=OLD,
        container_runtime="containerd://1.6.20",
        addresses={},
        labels={},
        taints=(),
        boot_id=f"boot of {name}/first",
    )


def roll_of(world):
    return Roll(world, world, lambda context, _: Version.parse(context.wanted))


def run_all(world):
    roll = roll_of(world)
    return world.run(roll.check) + world.run(roll.masters) + world.run(roll.workers)


def is_rolled(world):
    return (
        all(row.state is NodeState.JOINED for row in world.rows.values())
        and all(one.edition == f"{world.wanted} x" for one in world.hosts.values())
        and not any(one.unschedulable or TURN in one.annotations for one in world.members.values())
    )


@pytest.mark.parametrize(("masters", "workers", "at_once"), [(1, 2, None), (3, 4, 2), (3, 0, 1), (1, 3, 9)])
def test_masters_go_one_by_one_and_then_workers_some_at_a_time(masters, workers, at_once):
    world = World(masters=masters, workers=workers, at_once=at_once)
    run_all(world)
    assert is_rolled(world)
    assert world.rebuilt == list(world.rows)
    for out in world.out:
        assert len({name for name in out if name[0] == "m"}) <= 1
        assert len({name for name in out if name[0] == "w"}) <= (at_once or 1)
        assert len({name[0] for name in out}) <= 1


def test_its_owner_reads_how_far_it_is():
    world = World()
    seen = run_all(world)
    assert seen[0] == f"0 of 3 nodes are of {NEW}: rebuilding m-1"
    assert f"0 of 3 nodes are of {NEW}: waiting for the report of m-1" in seen
    assert f"1 of 3 nodes are of {NEW}: work is moving off w-1" in seen
    assert f"2 of 3 nodes are of {NEW}: rebuilding w-2" in seen
    assert world.told[:2] == [f"m-1 is rebuilt, as {NEW}.", f"m-1 is Ready again, as {NEW}."]
    assert len(world.told) == 6
    assert world.batches == 3


def test_what_is_so_already_is_left_alone():
    world = World()
    for name in ("m-1", "w-1"):
        world.hosts[name] = Server(running=True, edition=f"{NEW} x", instance="first")
    run_all(world)
    assert world.rebuilt == ["w-2"]
    assert run_all(world) == []


@pytest.mark.parametrize("masters", [1, 3])
def test_whoever_takes_over_goes_on_wherever_the_other_one_died(masters):
    for dies_at in itertools.count(1):
        world = World(masters=masters, workers=2)
        world.dies_at = dies_at
        try:
            run_all(world)
        except Died:
            world.turn()
            run_all(world)
        else:
            assert dies_at > 20
            return
        assert is_rolled(world), dies_at
        assert sorted(world.rebuilt) == sorted(world.rows), dies_at
        assert all(len(out) <= 1 for out in world.out), dies_at


def test_a_node_that_its_owner_has_closed_stays_so():
    world = World()
    world.members["w-1"] = msgspec.structs.replace(world.members["w-1"], unschedulable=True)
    run_all(world)
    assert [one.unschedulable for one in world.members.values()] == [False, True, False]
    assert TURN not in world.members["w-1"].annotations


def test_a_budget_stops_the_roll_by_name_and_a_retry_goes_on():
    world = World()
    world.blocked = {"on-w-1"}
    with pytest.raises(
        Fatal, match=rf"drain of w-1 was not allowed within {DRAIN_LIMIT} s.*budget web.*retry"
    ) as raised:
        run_all(world)
    assert raised.value.code is Code.COE_REFUSED
    assert world.rebuilt == ["m-1"]
    world.ask("second")
    reason = roll_of(world).workers(world).reason
    assert "work is moving off w-1; not allowed to go: default/on-w-1" in reason, "it gets the whole time once more"
    world.blocked = set()
    run_all(world)
    assert is_rolled(world)


def test_work_that_does_not_end_goes_with_its_machine():
    world = World(workers=1)
    world.work["w-1"] = [msgspec.structs.replace(pod("slow", "w-1"), terminating=True)]
    world.turn = lambda: setattr(world, "seconds", world.seconds + DRAIN_LIMIT)
    roll = roll_of(world)
    world.hosts["m-1"] = Server(running=True, edition=f"{NEW} x", instance="first")
    assert "work is moving off w-1" in roll.workers(world).reason
    world.seconds += DRAIN_LIMIT + 1
    assert "rebuilding w-1" in roll.workers(world).reason
    assert "w-1 still had work 120 s after the drain began; rebuilt all the same." in world.told


@pytest.mark.parametrize("name", ["m-1", "w-1"])
def test_a_node_whose_set_up_fails_stops_the_roll_and_is_made_anew_by_a_retry(name):
    world = World()
    world.broken = {name}
    with pytest.raises(Fatal, match=f"{name}: step 20-make-certificates failed: no route"):
        run_all(world)
    with pytest.raises(Fatal):
        run_all(world)
    assert world.rebuilt.count(name) == 1
    world.broken = set()
    world.ask("second")
    run_all(world)
    assert is_rolled(world)
    assert world.rebuilt.count(name) == 2


def test_a_node_that_never_reports_is_named_and_made_anew_by_a_retry():
    world = World()
    world.silent = {"w-1"}
    with pytest.raises(pytest.fail.Exception, match="waiting for the report of w-1"):
        run_all(world)
    assert world.rebuilt == ["m-1", "w-1"]
    world.silent = set()
    world.ask("second")
    run_all(world)
    assert is_rolled(world)
    assert world.rebuilt == ["m-1", "w-1", "w-1", "w-2"]


def test_a_machine_that_stops_while_it_is_set_up_is_started_again():
    world = World()
    roll = roll_of(world)
    roll.masters(world)
    world.hosts["m-1"] = msgspec.structs.replace(world.hosts["m-1"], running=False)
    with pytest.raises(Retry, match="m-1 was started again"):
        roll.masters(world)
    run_all(world)
    assert is_rolled(world)
    assert world.rebuilt.count("m-1") == 1


def test_a_machine_that_is_dead_is_made_anew_without_being_asked():
    world = World()
    for name in ("m-1", "w-1"):
        world.hosts[name] = msgspec.structs.replace(world.hosts[name], running=False)
    run_all(world)
    assert is_rolled(world)


def test_a_cluster_that_does_not_answer_is_not_touched(monkeypatch):
    world = World()

    def refuse(_):
        raise KubernetesUnreachable("nobody answers")

    monkeypatch.setattr(world, "client", refuse)
    with pytest.raises(Retry, match="nobody answers"):
        roll_of(world).masters(world)
    assert world.rebuilt == []


def test_no_master_goes_while_another_one_is_not_well():
    world = World(masters=3)
    world.hosts["m-3"] = msgspec.structs.replace(world.hosts["m-3"], running=False)
    world.rows["m-3"] = msgspec.structs.replace(world.rows["m-3"], state=NodeState.FAILED)
    assert "rebuilding m-3" in roll_of(world).masters(world).reason, "the one that is out comes first"
    world = World(masters=3)
    world.hosts["m-3"] = msgspec.structs.replace(world.hosts["m-3"], running=False)
    with pytest.raises(Retry, match="looking at m-3"):
        roll_of(world).masters(world)
    assert world.rebuilt == []


def test_a_stale_word_of_the_old_kubelet_is_not_taken_for_the_new_ones():
    world = World()
    roll = roll_of(world)
    roll.masters(world)
    world.rows["m-1"] = msgspec.structs.replace(world.rows["m-1"], state=NodeState.REPORTED)
    assert "m-1 (has not come back yet)" in roll.masters(world).reason


def test_a_machine_that_takes_its_time_to_go_is_waited_for(monkeypatch):
    world = World()
    monkeypatch.setattr(world, "rebuild", lambda _, node: Wait(5.0, f"the stack of {node.name} is busy"))
    assert "the stack of m-1 is busy" in roll_of(world).masters(world).reason
    assert world.told == []


def test_what_an_earlier_operation_left_half_built_is_not_taken_for_what_comes():
    world = World()
    world.rows["m-1"] = msgspec.structs.replace(world.rows["m-1"], state=NodeState.FAILED)
    world.rows["w-1"] = msgspec.structs.replace(world.rows["w-1"], state=NodeState.FAILED)
    world.hosts["m-1"] = Server(running=True, edition=f"{NEW} x", instance="first")
    roll = roll_of(world)
    world.answers = lambda _: True
    roll.workers(world)
    assert world.rebuilt == ["w-1"]
    world.rows["w-1"] = msgspec.structs.replace(world.rows["w-1"], state=NodeState.REPORTED)
    assert "w-1 (has not come back yet)" in roll.workers(world).reason


def test_a_master_that_was_left_behind_does_not_skip_a_version():
    world = World()
    world.wanted = "v1.22.0"
    with pytest.raises(Fatal, match=r"m-1 is of v1\.20\.2 still.*v1\.22\.0\. Upgrade to v1\.21 first"):
        roll_of(world).check(world)
    world.wanted = NEW
    assert roll_of(world).check(world) == Done()
