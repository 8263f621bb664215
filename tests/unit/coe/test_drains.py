from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pods import pod

from magnum.coe.drains import busy, plan_drain, removal_order
from magnum.coe.kubernetes_values import KubernetesNode

POD = pod("web", "a", namespace="shop", uid="u")
NODE = KubernetesNode(
    name="a",
    uid="u",
    created=0,
    ready=True,
    reason="",
    unschedulable=False,
    kubelet_version="v1.20.2",
    container_runtime="",
    addresses={},
    labels={},
    taints=(),
)

PODS = st.builds(
    replace,
    st.just(POD),
    name=st.text("abc", min_size=1, max_size=3),
    node=st.sampled_from(["a", "b", ""]),
    owner=st.sampled_from(["", "ReplicaSet", "DaemonSet"]),
    phase=st.sampled_from(["Running", "Succeeded", "Pending"]),
    terminating=st.booleans(),
    mirror=st.booleans(),
    started=st.booleans(),
    keeps_local_data=st.booleans(),
    priority=st.integers(0, 3),
)


def test_what_goes_and_what_stays():
    daemon, static = replace(POD, owner="DaemonSet"), replace(POD, mirror=True)
    leaving, bare = replace(POD, terminating=True), replace(POD, name="bare", owner="")
    storing, finished = replace(POD, name="cache", keeps_local_data=True), replace(POD, owner="", phase="Succeeded")
    plan = plan_drain([daemon, static, leaving, bare, storing, finished])
    assert plan.evict == (bare, storing, finished)
    assert (plan.leaving, set(plan.ignored)) == ((leaving,), {daemon, static})
    assert (plan.unmanaged, plan.losing_data) == ((bare,), (storing,))
    assert not plan.done


def test_a_node_is_empty_when_only_its_own_pods_are_left():
    assert plan_drain([replace(POD, owner="DaemonSet"), replace(POD, mirror=True)]).done
    assert not plan_drain([replace(POD, terminating=True)]).done


def test_nobody_waits_for_what_never_started():
    waiting = replace(POD, phase="Pending", started=False)
    assert plan_drain([waiting]).evict == (waiting,)
    assert plan_drain([replace(waiting, terminating=True)]).done


def test_what_others_need_goes_last():
    dns = replace(POD, namespace="kube-system", name="dns")
    important = replace(POD, priority=1000)
    assert plan_drain([dns, important, POD]).evict == (POD, important, dns)


@given(st.lists(PODS))
def test_every_pod_is_dealt_with_once(pods):
    plan = plan_drain(pods)
    key = repr
    assert sorted((*plan.evict, *plan.leaving, *plan.ignored), key=key) == sorted(pods, key=key)
    assert set(map(repr, (*plan.unmanaged, *plan.losing_data))) <= set(map(repr, plan.evict))


def test_busy_counts_what_would_have_to_move():
    pods = [POD, POD, replace(POD, node="b", mirror=True), replace(POD, node=""), replace(POD, phase="Failed")]
    assert busy(pods) == {"a": 2}


def test_removal_order():
    nodes = [replace(NODE, name=name, created=created) for created, name in enumerate("abcd")]
    nodes.append(replace(NODE, name="dead", ready=False))
    pods = [replace(POD, node=name) for name in ("a", "b", "b", "dead", "dead")]
    assert removal_order(("a", "b", "c", "d", "dead", "never"), nodes, pods) == ("never", "dead", "d", "c", "a", "b")


@given(st.permutations(["a", "b", "c"]), st.lists(PODS))
def test_the_order_is_one_of_all_and_does_not_depend_on_how_it_was_asked(names, pods):
    nodes = [replace(NODE, name=name) for name in "ab"]
    assert removal_order(names, nodes, pods) == removal_order(sorted(names), nodes, pods)
    assert sorted(removal_order(names, nodes, pods)) == ["a", "b", "c"]
