import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnum.drivers.heat.desired import Machine
from magnum.drivers.heat.seen import Place, SeenGroup, SeenServer, seen
from magnum.openstack.heat import Stack, StackDetails

STACK = Stack("id", "web", "UPDATE_COMPLETE")
MACHINE = {"name": "web-2", "image": "image", "flavor": "flavor", "edition": "edition", "instance": "instance"}
PARAMETERS = {
    "operation": "operation",
    "content": "content",
    "fixed_subnet_cidr": "10.0.0.0/24",
    "master_places": "{}",
    "master_servers": "{}",
    "worker_places": json.dumps({"2": "web-2", "3": "web-3"}),
    "worker_servers": json.dumps({"2": MACHINE}),
}
OUTPUTS = {
    "api_address": "192.0.2.7",
    "api_private_address": "10.0.0.7",
    "fixed_network": "network",
    "fixed_subnet": "subnet",
    "secgroup_kube_minion": "group",
    "worker_places": {"2": {"address": "10.0.0.2", "floating_address": "192.0.2.2", "port": "port", "etcd_volume": ""}},
    "worker_refs_map": {"2": "server"},
}


def test_all_that_a_stack_says_is_read():
    found = seen(StackDetails(STACK, PARAMETERS, OUTPUTS))
    place = Place(address="10.0.0.2", floating_address="192.0.2.2", port="port")
    assert found.workers == SeenGroup({2: place, 3: Place()}, {2: SeenServer("server", Machine(**MACHINE))})
    assert found.masters == SeenGroup()
    assert (found.api_address, found.api_private_address, found.cidr) == ("192.0.2.7", "10.0.0.7", "10.0.0.0/24")
    assert (found.network, found.subnet, found.worker_security_group) == ("network", "subnet", "group")
    assert (found.operation, found.content, found.stack) == ("operation", "content", STACK)


def test_a_node_is_reached_at_its_floating_address_if_it_has_one():
    assert Place(address="10.0.0.2", floating_address="192.0.2.2").reachable == "192.0.2.2"
    assert Place(address="10.0.0.2").reachable == "10.0.0.2"
    assert Place().reachable is None


@given(missing=st.sets(st.sampled_from(sorted(OUTPUTS))))
def test_any_output_may_be_null(missing):
    outputs = OUTPUTS | dict.fromkeys(missing)
    found = seen(StackDetails(STACK, PARAMETERS, outputs))
    assert found.workers.servers[2].machine.name == "web-2"
    assert found.workers.servers[2].id == (None if "worker_refs_map" in missing else "server")


@pytest.mark.parametrize("nothing", [{"2": None}, {"2": {"address": None}}, {}, []])
def test_a_place_may_not_be_there_yet(nothing):
    found = seen(StackDetails(STACK, PARAMETERS, {"worker_places": nothing}))
    assert found.workers.places == {2: Place(), 3: Place()}
