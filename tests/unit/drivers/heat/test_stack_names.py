import re

from hypothesis import given
from hypothesis import strategies as st

from magnum.drivers.heat.names import nodegroup_stack_name, stack_name

CLUSTER, GROUP = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52", "0b4b766f-c68b-4d3f-9df2-8d2c2d0f1f47"
VALID = re.compile(r"[a-z][a-z0-9-]*")


def test_a_name_follows_from_the_rows():
    assert stack_name("My_Cluster.1 é", CLUSTER) == stack_name("My_Cluster.1 é", CLUSTER)
    assert re.fullmatch(r"my-cluster-1-[a-z2-7]{12}", stack_name("My_Cluster.1 é", CLUSTER))
    assert re.fullmatch(r"web-spare-[a-z2-7]{12}", nodegroup_stack_name("web", "spare", GROUP))


def test_it_is_cut():
    assert len(stack_name("x" * 200, CLUSTER)) == 30 + 13
    assert len(nodegroup_stack_name("x" * 200, "y" * 200, GROUP)) == 20 + 1 + 9 + 13


@given(name=st.none() | st.text(max_size=40), group=st.text(max_size=20))
def test_heat_takes_it(name, group):
    assert VALID.fullmatch(stack_name(name, CLUSTER))
    assert VALID.fullmatch(nodegroup_stack_name(name, group, GROUP))


def test_clusters_of_one_name_have_stacks_of_their_own():
    assert stack_name("web", CLUSTER) != stack_name("web", GROUP)
