"""Whatever the nodes of a group are and whatever is asked for: the count is met, and nobody goes without a reason."""

from hypothesis import given
from hypothesis import strategies as st

from magnum.core.node_choice import choose_nodes
from magnum.model.nodes import Node, NodeState

NUMBERS = st.lists(st.sampled_from(NodeState), max_size=8)


def make_nodes(states):
    return [
        Node(
            uuid=f"uuid-{number}",
            cluster_uuid="cluster",
            nodegroup_uuid="group",
            number=number,
            name=f"web-{number}",
            role="worker",
            state=state,
        )
        for number, state in enumerate(states, start=1)
    ]


@given(NUMBERS, st.integers(0, 10), st.sets(st.integers(1, 10)), st.sets(st.integers(1, 8)))
def test_the_count_is_met(states, count, named, run_out):
    own = make_nodes(states)
    words = [f"web-{number}" for number in sorted(named)]
    choice = choose_nodes(own, count, named=words, run_out={f"uuid-{number}" for number in run_out})
    present = [node for node in own if node.state is not NodeState.REMOVING]
    assert len(present) - len(choice.leaving) - choice.undecided + choice.coming == count
    assert 0 <= choice.undecided <= len(choice.working)
    assert sorted([*choice.leaving, *choice.working], key=lambda node: node.number) == present
    assert choice.added == 0 or not choice.removed
    assert choice.coming == 0 or choice.undecided == 0
    assert set(choice.unknown) == set(words) - {node.name for node in own}
    for node in choice.leaving:
        lost = node.state is NodeState.FAILED or (node.state is NodeState.PLANNED and node.number in run_out)
        idle = node.state is NodeState.PLANNED and node in choice.removed
        assert lost or idle or node.number in named
    for node in choice.working:
        assert node.number not in named
        assert node.state is not NodeState.FAILED


@given(NUMBERS, st.integers(0, 10), st.sets(st.integers(1, 8)))
def test_chosen_once_more_nothing_changes(states, count, named):
    """A step may run again after a crash, when those that go are marked and those that come are there."""
    own = make_nodes(states)
    words = [f"web-{number}" for number in sorted(named)]
    first = choose_nodes(own, count, named=words)
    chosen = {node.uuid for node in (*first.leaving, *first.working[: first.undecided])}
    after = make_nodes([*states, *[NodeState.PLANNED] * first.coming])
    if named & set(range(len(states) + 1, len(after) + 1)):
        return  # a word that fits a node that came later
    marked = [NodeState.REMOVING if node.uuid in chosen else node.state for node in after]
    again = choose_nodes(make_nodes(marked), count, named=words)
    assert (again.leaving, again.undecided, again.coming) == ((), 0, 0)
