"""Masters that come and go, with an etcd that is a list: what is asked of it, in which order, and what is refused."""

import contextlib
from types import SimpleNamespace

import msgspec
import pytest

from magnum.coe.etcd import EtcdMember
from magnum.drivers.kubernetes.etcd import Etcd, joins, peer_url
from magnum.drivers.kubernetes.masters import Masters
from magnum.model.failures import Fatal, Retry
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import CreateCluster, HealCluster, ResizeNodeGroup
from magnum.model.outcomes import Done, Wait
from magnum.model.signing import CaType

UUID = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"
RESIZE = ResizeNodeGroup("masters", 3, 1)


def node(number, state=NodeState.JOINED, *, role="master", **changes):
    return msgspec.structs.replace(
        Node(
            uuid=f"{role} {number}",
            cluster_uuid=UUID,
            nodegroup_uuid=f"{role}s",
            number=number,
            name=f"{role[0]}-{number}",
            role=role,
            state=state,
            address=address(number),
            member_id="known" if state is NodeState.JOINED else None,
        ),
        **changes,
    )


def address(number):
    return f"10.77.5.{9 + number}"


def leaving(number):
    return node(number, NodeState.REMOVING, member_id="known")


class FakeEtcd:
    """The members, and clients of them."""

    def __init__(self, *numbers):
        self.members = [member(number) for number in numbers]
        self.ill = set()
        self.leader = numbers[0]
        self.in_sync = False
        self.done = []

    def connect(self, addresses, tls):
        assert tls == "tls of etcd"
        asked = [int(address.rpartition(".")[2]) - 9 for address in addresses]
        return SimpleNamespace(
            members=lambda: tuple(self.members),
            leader=lambda: self.leader,
            is_healthy=lambda: not self.ill & set(asked),
            add_learner=self.add_learner,
            promote=self.promote,
            remove=self.remove,
            transfer_leadership=lambda target: self.transfer(asked, target),
        )

    def add_learner(self, url):
        assert not any(one.is_learner for one in self.members)
        number = int(url.rpartition(":")[0].rpartition(".")[2]) - 9
        self.members.append(member(number, is_learner=True, name=""))
        self.done.append(("add", number))

    def promote(self, number):
        self.done.append(("promote", number))
        if self.in_sync:
            self.members = [
                msgspec.structs.replace(one, is_learner=False) if one.id == number else one for one in self.members
            ]
        return self.in_sync

    def remove(self, number):
        assert self.leader != number
        self.members = [one for one in self.members if one.id != number]
        self.done.append(("remove", number))

    def transfer(self, asked, target):
        assert asked == [self.leader]
        self.leader = target
        self.done.append(("lead", target))


def member(number, *, is_learner=False, name=None):
    url = f"https://{address(number)}:2380"
    return EtcdMember(id=number, name=f"m-{number}" if name is None else name, peer_urls=(url,), is_learner=is_learner)


class Context:
    def __init__(self, *nodes, arguments=RESIZE):
        self.nodes = self.changing = nodes
        self.operation = SimpleNamespace(arguments=arguments)
        group = {"cluster_id": UUID, "project_id": "p"}
        self.nodegroups = (
            NodeGroup(uuid="masters", name="default-master", role="master", node_count=3, **group),
            NodeGroup(uuid="workers", name="default-worker", role="worker", node_count=1, **group),
        )
        self.calls = 0

    def client_tls(self, ca_type):
        assert ca_type is CaType.ETCD
        return "tls of etcd"

    @contextlib.contextmanager
    def provider_call(self, _what, *, timeout):
        assert timeout <= 30
        self.calls += 1
        yield


class Local:
    """Machines are started by the number of their node, unless the provider is busy."""

    def __init__(self):
        self.started = []
        self.balanced = []
        self.busy = False

    def start(self, context, only):
        if self.busy:
            return Wait(5.0, "the stack is busy")
        self.started += [node.number for node in context.changing if node.state is NodeState.PLANNED and only(node)]
        return Done()

    def balance(self, _context, masters):
        self.balanced = [master.name for master in masters]
        return Done()


@pytest.fixture
def local():
    return Local()


@pytest.fixture
def make(local):
    return lambda etcd: Masters(local, Etcd(etcd.connect))


class TestJoining:
    def test_masters_that_are_made_with_the_cluster_begin_together(self, make, local):
        nodes = [node(number, NodeState.PLANNED) for number in (1, 2, 3)]
        context = Context(*nodes, arguments=CreateCluster())
        assert not any(joins(context, one) for one in nodes)
        assert make(FakeEtcd(1)).join(context) == Done()
        assert local.started == []

    def test_one_whose_machine_was_lost_has_a_successor_that_joins(self, make, local):
        """The lost one was a member from the first, though it never came up."""
        etcd = FakeEtcd(1, 2, 3)
        new = node(4, NodeState.PLANNED)
        context = Context(
            node(1, NodeState.REPORTED), node(3, NodeState.REPORTED), new, arguments=CreateCluster(again=True)
        )
        assert isinstance(make(etcd).join(context), Wait)
        assert etcd.done == [("remove", 2), ("add", 4), ("promote", 4)]
        assert local.started == [4]

    def test_each_comes_in_its_turn_and_is_given_a_vote_when_it_has_caught_up(self, make, local):
        etcd = FakeEtcd(1)
        second, third = node(2, NodeState.PLANNED), node(3, NodeState.PLANNED)
        masters = make(etcd)
        context = Context(node(1), second, third)
        assert masters.join(context) == Wait(1.0, "m-2 is catching up with the other members of etcd")
        etcd.in_sync = True
        assert masters.join(context) == Wait(0.5, "waiting for the report of m-2")
        assert masters.join(context) == Wait(0.5, "waiting for the report of m-2")
        assert etcd.done == [("add", 2), ("promote", 2), ("promote", 2)]
        assert set(local.started) == {2}
        context = Context(node(1), node(2, NodeState.REPORTED), third)
        masters.join(context)
        assert etcd.done[3:] == [("add", 3), ("promote", 3)]
        done = Context(node(1), node(2, NodeState.REPORTED), node(3, NodeState.REPORTED))
        assert masters.join(done) == Done()
        assert done.calls == 0

    def test_it_is_asked_for_its_vote_when_its_machine_is_begun(self, make, local):
        etcd = FakeEtcd(1)
        local.busy = True
        assert make(etcd).join(Context(node(1), node(2, NodeState.PLANNED))) == Wait(5.0, "the stack is busy")
        assert etcd.done == [("add", 2)]

    def test_etcd_is_asked_from_outside_and_its_members_know_each_other_inside(self):
        asked = []
        first = node(1, address="10.0.0.5", floating_address="172.24.0.5")
        Etcd(lambda addresses, _: asked.extend(addresses)).client(Context(first))
        assert asked == ["172.24.0.5"]
        assert peer_url(first) == "https://10.0.0.5:2380"

    def test_one_whose_set_up_fails_stops_it_and_its_member_goes_before_its_successor_comes(self, make):
        etcd = FakeEtcd(1)
        etcd.members.append(member(2, is_learner=True))
        failed = node(2, NodeState.FAILED, failed_step="docker", report="no space")
        with pytest.raises(Fatal, match="m-2: step docker failed: no space"):
            make(etcd).join(Context(node(1), failed))
        gone = node(2, NodeState.REMOVING, failed_step="docker")
        make(etcd).join(Context(node(1), gone, node(3, NodeState.PLANNED)))
        assert etcd.done == [("remove", 2), ("add", 3), ("promote", 3)]

    def test_one_that_was_a_member_and_goes_stays_one_until_others_have_come(self, make):
        etcd = FakeEtcd(1, 2)
        make(etcd).join(Context(node(1), leaving(2), node(3, NodeState.PLANNED)))
        assert etcd.done == [("add", 3), ("promote", 3)]

    def test_a_dead_one_that_goes_makes_way_at_once(self, make):
        """Etcd would refuse the new one."""
        etcd = FakeEtcd(1, 2, 3)
        etcd.ill = {2}
        make(etcd).join(Context(node(1), leaving(2), node(3), node(4, NodeState.PLANNED)))
        assert etcd.done == [("remove", 2), ("add", 4), ("promote", 4)]

    def test_a_new_one_is_told_of_all_members_and_of_none_that_is_not_ours(self):
        etcd = FakeEtcd(1, 2)
        new = node(2, NodeState.PLANNED)
        context = Context(node(1), new)
        told = Etcd(etcd.connect).described(context, new)
        assert [(one.name, str(one.address)) for one in told] == [("m-1", address(1)), ("m-2", address(2))]
        etcd.members.append(member(9))
        with pytest.raises(Retry, match="other members than its masters"):
            Etcd(etcd.connect).described(context, new)

    def test_workers_are_none_of_its_business(self, make):
        context = Context(node(1), node(1, NodeState.PLANNED, role="worker"))
        masters = make(FakeEtcd(1))
        assert masters.join(context) == masters.check(context) == masters.leave(context) == Done()
        assert context.calls == 0


class TestLeaving:
    def test_its_member_goes_and_a_leader_hands_over_first(self, make):
        etcd = FakeEtcd(1, 2, 3)
        context = Context(leaving(1), node(2), leaving(3))
        assert make(etcd).leave(context) == Done()
        assert etcd.done == [("lead", 2), ("remove", 1), ("remove", 3)]
        calls = context.calls
        assert make(etcd).leave(context) == Done()
        assert context.calls == calls

    def test_nobody_goes_while_another_is_ill(self, make):
        etcd = FakeEtcd(1, 2, 3)
        masters, context = make(etcd), Context(node(1), node(2), leaving(3))
        assert masters.check(context) == Done()
        etcd.ill = {2}
        with pytest.raises(Fatal, match=r"etcd is not healthy on m-2, so no master can be added or removed"):
            masters.check(context)

    def test_the_dead_are_replaced_while_most_are_well(self, make):
        etcd = FakeEtcd(1, 2, 3, 4, 5)
        etcd.ill = {4, 5}
        alive = [node(1), node(2), node(3)]
        masters = make(etcd)
        assert masters.check(Context(*alive, node(4), leaving(5), arguments=HealCluster(("m",)))) == Done()
        etcd.ill = {3, 4, 5}
        with pytest.raises(Fatal, match="too few masters are left"):
            masters.check(Context(*alive, node(4), leaving(5), arguments=HealCluster(("m",))))


def test_connections_go_to_masters_that_are_up_and_stay(make, local):
    masters = make(FakeEtcd(1))
    masters.balance(Context(node(1), node(2, NodeState.REPORTED), node(3, NodeState.PLANNED), leaving(4)))
    assert local.balanced == ["m-1", "m-2"]
    first = [node(number, NodeState.PLANNED) for number in (1, 2, 3)]
    masters.balance(Context(*first, arguments=CreateCluster()))
    assert local.balanced == ["m-1", "m-2", "m-3"]
