import pytest

from magnum.drivers.heat.mappings import Kind, Output, Parameter, evaluate, read
from magnum.drivers.heat.parameters import CLUSTER, NODEGROUP, Facts


def test_what_a_source_does_not_have_is_not_sent():
    mappings = [
        Parameter("tag", Kind.STRING, lambda labels: labels.get("tag")),
        Parameter("size", Kind.NUMBER, lambda labels: labels["size"]),
    ]
    assert evaluate(mappings, {"size": 0}) == {"size": 0}


@pytest.mark.parametrize("nothing", [{}, {"api_address": None}, {"api_address": ""}])
def test_what_a_stack_does_not_say_is_none(nothing):
    assert read([Output("api_address", "address")], nothing) == {"address": None}


def test_the_own_nodes_are_never_locked_out_of_the_load_balancer():
    facts = Facts(external_network="public", network_name="web", load_balancer_allowed_cidrs=("192.0.2.0/24",))
    assert evaluate(CLUSTER, facts)["master_lb_allowed_cidrs"] == ["192.0.2.0/24", "10.0.0.0/24"]
    everybody = Facts(external_network="public", network_name="web")
    assert evaluate(CLUSTER, everybody)["master_lb_allowed_cidrs"] == []


def test_a_stack_of_a_node_group_is_sent_nothing_of_masters():
    sent = evaluate(NODEGROUP, Facts(external_network="public", network_name="web", security_group="group"))
    assert sent["existing_security_group"] == "group"
    assert not [name for name in sent if name.startswith(("master", "etcd", "octavia"))]
