"""A stack with something of every service becomes complete, is what it says, and leaves nothing behind."""

from ipaddress import IPv4Address

import pytest
from cloud import until
from stacks import EVERY_SERVICE

OWNER = "third"
"""Nobody else works in this project."""


@pytest.fixture(scope="module")
def stack(person):
    connection = person(OWNER).connection
    uuid = person(OWNER).make_stack("everything", EVERY_SERVICE)
    yield settled(connection, uuid)
    if found := connection.orchestration.find_stack(uuid):
        connection.orchestration.delete_stack(found)
        until("the stack is gone", lambda: connection.orchestration.find_stack(uuid) is None)


def settled(connection, uuid):
    def look():
        found = connection.orchestration.get_stack(uuid)
        return None if found.status.endswith("IN_PROGRESS") else found

    return until("the stack has come to rest", look)


def test_it_becomes_complete(stack):
    assert stack.status == "CREATE_COMPLETE", stack.status_reason


def test_what_it_made_is_there(person, stack):
    connection = person(OWNER).connection
    [server] = connection.compute.servers()
    [balancer] = connection.load_balancer.load_balancers()
    [volume] = connection.block_storage.volumes()
    [address] = connection.network.ips()
    assert (server.status, volume.status) == ("ACTIVE", "in-use")
    assert (balancer.provisioning_status, balancer.operating_status) == ("ACTIVE", "ONLINE")
    assert balancer.provider == "amphora"
    assert IPv4Address(address.floating_ip_address) in person("admin").outside()
    assert {port.status for port in connection.network.ports(device_id=server.id)} == {"ACTIVE"}
    assert [secret.status for secret in connection.key_manager.secrets()] == ["ACTIVE"]


def test_deleted_it_leaves_nothing(person, stack):
    connection = person(OWNER).connection
    connection.orchestration.delete_stack(stack.id)

    def left():
        return [
            *connection.orchestration.stacks(),
            *connection.compute.servers(),
            *connection.block_storage.volumes(),
            *connection.load_balancer.load_balancers(),
            *connection.key_manager.secrets(),
            *connection.network.ports(project_id=connection.current_project_id),
            *connection.network.networks(project_id=connection.current_project_id),
            *connection.network.ips(project_id=connection.current_project_id),
        ]

    until("nothing is left", lambda: not left())
