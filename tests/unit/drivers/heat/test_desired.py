import msgspec
import pytest

from magnum.drivers.heat.desired import Desired, Group, Machine, UserData

MACHINE = Machine("web-1", "image", "flavor", "edition", "instance")
DESIRED = Desired(
    name="web",
    cluster_uuid="cluster",
    operation="operation",
    parameters={"external_network": "public"},
    masters=Group(places={0: "web-m-0"}),
    workers=Group(places={1: "web-1", 2: "web-2"}, servers={1: MACHINE}),
)
SECRET = UserData(head="head", own={1: "token"}, signal="$URL", tail="tail")


def changed(**values):
    return msgspec.structs.replace(DESIRED, **values)


def test_it_is_sent_whole():
    request = DESIRED.request({"worker": SECRET})
    assert request.parameters == {
        "external_network": "public",
        "cluster_uuid": "cluster",
        "operation": "operation",
        "content": DESIRED.content,
        "master_places": {"0": "web-m-0"},
        "master_servers": {},
        "worker_places": {"1": "web-1", "2": "web-2"},
        "worker_servers": {"1": msgspec.to_builtins(MACHINE)},
        "worker_user_data_head": "head",
        "worker_own_user_data": {"1": "token"},
        "worker_user_data_signal": "$URL",
        "worker_user_data_tail": "tail",
    }
    assert {
        "kube_masters.yaml",
        "kube_minions.yaml",
        "place.yaml",
        "server.yaml",
        "network.yaml",
    } <= request.files.keys()
    assert request.parameters.keys() - {"external_network"} <= request.template["parameters"].keys()


@pytest.mark.parametrize(
    "other",
    [
        changed(parameters={"external_network": "other"}),
        changed(workers=Group(places={1: "web-1"}, servers={1: MACHINE})),
        changed(workers=Group(places=DESIRED.workers.places)),
        changed(declared={"kube_tag": {"type": "string"}}),
        changed(masters=None),
    ],
)
def test_another_content_has_another_digest(other):
    assert other.content != DESIRED.content


def test_the_operation_is_no_part_of_the_content():
    assert changed(operation="other").content == DESIRED.content == changed().content


def test_a_stack_of_a_node_group_has_no_masters():
    request = changed(masters=None).request({})
    assert "kube_masters.yaml" not in request.files
    assert not [name for name in request.parameters if name.startswith("master_")]


def test_no_secret_is_shown():
    assert "token" not in repr(SECRET) + repr(DESIRED.request({"worker": SECRET}))
