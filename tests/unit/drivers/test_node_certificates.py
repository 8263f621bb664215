"""Who is asked to replace its certificates, when, and how long it is waited for."""

import base64
import contextlib
import uuid
from types import SimpleNamespace

import msgspec
import pytest

from magnum.coe.kubernetes_calls import KubernetesUnreachable
from magnum.coe.kubernetes_values import KubernetesNode
from magnum.drivers.base import RotationPhase
from magnum.drivers.node_certificates import (
    ASKED,
    DONE,
    FAILED,
    MOST_AT_ONCE,
    PATIENCE,
    WANTED,
    NodeCertificates,
)
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import Operation, OperationState, RotateCertificates
from magnum.model.outcomes import Done, Wait

SECOND = 1_000_000
ORIGIN, SECOND_TRY = (str(uuid.UUID(int=number)) for number in (1, 2))
CERTIFICATE = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


class Api:
    """A cluster whose nodes do nothing until a test says so."""

    def __init__(self, names):
        self.notes = {name: {} for name in names}
        self.objects = {}
        self.unready = set()
        self.deleted = []
        self.error = None

    def nodes(self):
        if self.error:
            raise self.error
        return [
            KubernetesNode(
                name=name,
                uid=name,
                created=0,
                ready=name not in self.unready,
                reason="",
                unschedulable=False,
                kubelet_version="v1.20.2",
                container_runtime="containerd://1.6",
                addresses={},
                labels={},
                taints=(),
                annotations=dict(notes),
            )
            for name, notes in self.notes.items()
        ]

    def annotate(self, name, annotations):
        kept = self.notes[name] | annotations
        self.notes[name] = {key: value for key, value in kept.items() if value is not None}

    def get(self, name):
        data = self.objects.get(name.name)
        return data if data is None or name.kind == "ServiceAccount" else {"data": data}

    def delete(self, name):
        self.deleted.append(name.name)

    def asked(self):
        return {name: notes[WANTED] for name, notes in self.notes.items() if WANTED in notes}

    def answer(self, *names, **notes):
        for name in names:
            wanted = self.notes[name][WANTED]
            self.annotate(name, notes or {DONE: wanted, FAILED: None})


class Context:
    def __init__(self, masters=1, workers=1):
        self.now = 1000 * SECOND
        self.clock = SimpleNamespace(now=lambda: self.now)
        self.nodes = [node(f"m-{n}", "master") for n in range(1, masters + 1)]
        self.nodes += [node(f"w-{n}", "worker") for n in range(1, workers + 1)]
        self.ca = CERTIFICATE.format("new") + CERTIFICATE.format("old")
        self.guarded = []
        self.begin(ORIGIN, None)

    def begin(self, operation, origin):
        self.operation = Operation(
            uuid=operation,
            cluster_uuid="cluster",
            arguments=RotateCertificates(origin=origin),
            state=OperationState.ACTIVE,
            next_attempt=0,
            created_at=0,
            step_started_at=self.now,
        )

    def client_tls(self):
        return SimpleNamespace(ca=self.ca)

    @contextlib.contextmanager
    def provider_call(self, what, *, timeout):
        self.guarded.append((what, timeout))
        yield


def node(name, role):
    return Node(uuid=name, cluster_uuid="c", nodegroup_uuid="g", number=1, name=name, role=role, state=NodeState.JOINED)


class World:
    def __init__(self, masters=1, workers=1):
        self.context = Context(masters, workers)
        self.api = Api([node.name for node in self.context.nodes])
        self.certificates = NodeCertificates(lambda _: self.api, call_timeout=8.0)

    def run(self, phase=RotationPhase.TRUST, step=0):
        return self.certificates.steps(phase)[step].run(self.context)


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize(("workers", "at_once"), [(2, 1), (9, 1), (25, 2), (130, MOST_AT_ONCE)])
def test_masters_come_one_after_the_other_and_then_a_tenth_of_the_workers_at_a_time(workers, at_once):
    world = World(masters=3, workers=workers)
    turns = []
    while isinstance(world.run(), Wait):
        turn = sorted(name for name in world.api.asked() if DONE not in world.api.notes[name])
        turns.append(turn)
        world.api.answer(*turn)
    assert turns[:3] == [["m-1"], ["m-2"], ["m-3"]]
    assert {len(turn) for turn in turns[3:-1]} == {at_once}
    assert set(world.api.asked().values()) == {f"trust-{ORIGIN}"}
    assert len(world.api.asked()) == 3 + workers
    assert all(timeout == 8.0 for _, timeout in world.context.guarded)


def test_while_it_waits_it_asks_nobody_twice_and_says_who_is_at_work(world):
    first = world.run()
    assert (first.reason, len(world.context.guarded)) == ("m-1 at work; 2 of 2 to go", 1)
    assert world.run() == first
    assert len(world.context.guarded) == 1


def test_a_later_phase_of_the_same_rotation_is_more_than_enough(world):
    for name in world.api.notes:
        world.api.notes[name] = {DONE: f"renew-{ORIGIN}"}
    assert world.run(RotationPhase.TRUST) == Done()
    assert world.run(RotationPhase.RENEW) == Done()
    assert isinstance(world.run(RotationPhase.DROP), Wait)


@pytest.mark.parametrize("said", [f"renew-{SECOND_TRY}", "renew-", "", f"x-{ORIGIN}"])
def test_what_was_done_for_another_rotation_does_not_count(world, said):
    for name in world.api.notes:
        world.api.notes[name] = {DONE: said}
    assert isinstance(world.run(), Wait)


def test_a_node_that_fails_is_named_with_what_it_says(world):
    world.run()
    world.api.answer("m-1", **{FAILED: f"trust-{ORIGIN}: etcd is not healthy"})
    with pytest.raises(Fatal, match="Could not trust both authorities on m-1: etcd is not healthy") as failure:
        world.run()
    assert failure.value.code is Code.NODE_STEP


def test_a_node_that_says_nothing_is_named_when_its_time_is_over(world):
    world.run()
    world.context.now += int(PATIENCE * SECOND)
    assert isinstance(world.run(), Wait)
    world.context.now += SECOND
    with pytest.raises(Fatal, match="m-1: it has not answered, and been Ready, for 600 s") as failure:
        world.run()
    assert failure.value.code is Code.NODE_DEAD


def test_the_next_one_is_asked_when_the_one_before_is_ready_again(world):
    world.run()
    world.api.answer("m-1")
    world.api.unready = {"m-1"}
    assert world.run().reason == "m-1 at work; 2 of 2 to go"
    assert set(world.api.asked()) == {"m-1"}
    world.api.unready = set()
    assert world.run().reason == "w-1 at work; 1 of 2 to go"


def test_each_node_has_its_own_time(world):
    world.run()
    world.context.now += int(PATIENCE * SECOND)
    world.api.answer("m-1")
    world.run()
    world.context.now += int(PATIENCE * SECOND)
    assert world.run().reason == "w-1 at work; 1 of 2 to go"


def test_a_node_that_is_not_a_member_any_more_is_named_in_the_end(world):
    del world.api.notes["m-1"]
    assert isinstance(world.run(), Wait)
    world.context.now += int((PATIENCE + 1) * SECOND)
    with pytest.raises(Fatal, match="on m-1"):
        world.run()


def test_when_it_is_tried_again_those_that_are_done_are_left_alone_and_the_others_asked_anew(world):
    world.run()
    world.api.answer("m-1")
    world.run()
    world.api.answer("w-1", **{FAILED: f"trust-{ORIGIN}: no room"})
    with pytest.raises(Fatal):
        world.run()
    world.context.now += int(PATIENCE * 5 * SECOND)
    world.context.begin(SECOND_TRY, ORIGIN)
    world.context.guarded.clear()
    assert world.run().reason == "w-1 at work; 1 of 2 to go"
    assert FAILED not in world.api.notes["w-1"]
    assert world.api.notes["w-1"][ASKED].startswith(SECOND_TRY)
    assert len(world.context.guarded) == 1
    world.api.answer("w-1")
    assert world.run() == Done()


def test_what_a_node_says_is_cut_and_printable(world):
    world.run()
    world.api.answer("m-1", **{FAILED: "trust: \x1b[31m" + "x" * 100_000})
    with pytest.raises(Fatal) as failure:
        world.run()
    assert len(failure.value.text) < 600
    assert failure.value.text.isprintable()


@pytest.mark.parametrize("asked", ["", "nonsense", f"{ORIGIN}/soon", f"{ORIGIN}/" + "9" * 40, f"{ORIGIN}/-1"])
def test_what_the_clusters_owner_writes_there_makes_nothing_last_longer(world, asked):
    world.run()
    world.api.notes["m-1"][ASKED] = asked
    for _ in range(3):
        world.context.now += int(PATIENCE * SECOND)
        with contextlib.suppress(Fatal):
            assert isinstance(world.run(), Wait)
            continue
        return
    pytest.fail("it would be waited for for ever")


def test_nodes_that_have_not_joined_are_not_asked():
    world = World(workers=2)
    world.context.nodes[2] = msgspec.structs.replace(world.context.nodes[2], state=NodeState.REMOVING)
    for _ in range(2):
        world.run()
        world.api.answer(*world.api.asked())
    assert world.run() == Done()
    assert "w-2" not in world.api.asked()


def test_an_api_that_is_starting_is_asked_again_later(world):
    world.api.error = KubernetesUnreachable("starting")
    with pytest.raises(Retry):
        world.run()


def test_pods_are_waited_for_until_they_are_given_both(world):
    assert isinstance(world.run(RotationPhase.TRUST, 1), Wait)
    world.api.objects["kube-root-ca.crt"] = {"ca.crt": CERTIFICATE.format("old")}
    assert isinstance(world.run(RotationPhase.TRUST, 1), Wait)
    world.context.now += int((PATIENCE + 1) * SECOND)
    with pytest.raises(Fatal, match=r"kube-root-ca\.crt"):
        world.run(RotationPhase.TRUST, 1)
    world.api.objects["kube-root-ca.crt"] = {"ca.crt": CERTIFICATE.format("old") + "\n" + CERTIFICATE.format("new")}
    assert world.run(RotationPhase.TRUST, 1) == Done()


@pytest.mark.parametrize("given", ["old", "", None, "old new"])
def test_what_comes_with_the_tokens_of_pods_is_waited_for_too(world, given):
    both = CERTIFICATE.format("old") + CERTIFICATE.format("new")
    world.api.objects["kube-root-ca.crt"] = {"ca.crt": both}
    world.api.objects["default"] = {"secrets": [{"name": "default-token"}]}
    pem = "".join(CERTIFICATE.format(word) for word in (given or "").split())
    data = base64.b64encode(pem.encode()).decode() if given is not None else "!"
    world.api.objects["default-token"] = {"ca.crt": data}
    assert isinstance(world.run(RotationPhase.TRUST, 1), Done if given == "old new" else Wait)


@pytest.mark.parametrize(
    ("published", "deleted"),
    [
        (CERTIFICATE.format("new"), []),
        (CERTIFICATE.format("new") + CERTIFICATE.format("old"), ["extension-apiserver-authentication"]),
    ],
)
def test_what_the_api_publishes_is_written_anew_when_the_old_is_among_it(world, published, deleted):
    world.context.ca = CERTIFICATE.format("new")
    world.api.objects["extension-apiserver-authentication"] = {"client-ca-file": published}
    assert world.run(RotationPhase.DROP, 1) == Done()
    assert world.api.deleted == deleted
