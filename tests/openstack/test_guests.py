"""Servers of the lab run: they do what their user data say, and follow what Nova is asked."""

import contextlib
import secrets
import socket

import pytest
import stacks
import urllib3
from cloud import until

pytestmark = pytest.mark.root
SECONDS = 300
USER_DATA = """\
#cloud-config
write_files:
- path: /etc/systemd/system/web.service
  content: |
    [Service]
    ExecStart=/usr/bin/python3 -m http.server 80 --directory /srv
    [Install]
    WantedBy=multi-user.target
- path: /srv/token
  content: TOKEN
runcmd:
- hostname > /srv/name
- cp /etc/machine-id /home/debian/.ssh/authorized_keys /srv
- systemctl enable --now web.service
- |
  disk=/dev/disk/by-id/virtio-$(printf %.20s VOLUME)
  for turn in $(seq 300); do [ -b "$disk" ] || sleep 0.3; done
  mkfs.ext4 -q "$disk" && mkdir /srv/disk && mount "$disk" /srv/disk
  blockdev --getsize64 "$disk" > /srv/disk/size
- |
  CALL --data-binary '{"status": "SUCCESS"}'
"""


def stack_of(token):
    words = {"CALL": attribute("handle", "curl_cli"), "TOKEN": token, "VOLUME": stacks.get("volume")}
    return stacks.template(
        handle=stacks.resource("Heat::WaitConditionHandle", signal_transport="TOKEN_SIGNAL"),
        signal=stacks.resource("Heat::WaitCondition", handle=stacks.get("handle"), timeout=SECONDS),
        port=stacks.resource("Neutron::Port", network="private"),
        floating=stacks.resource("Neutron::FloatingIP", floating_network="public", port_id=stacks.get("port")),
        server=stacks.resource(
            "Nova::Server",
            name={"get_param": "OS::stack_name"},
            image="debian-12",
            flavor="m1.tiny",
            key_name="key",
            networks=[{"port": stacks.get("port")}],
            user_data_format="RAW",
            user_data={"str_replace": {"template": USER_DATA, "params": words}},
        ),
        volume=stacks.resource("Cinder::Volume", size=1),
        attachment=stacks.resource(
            "Cinder::VolumeAttachment", instance_uuid=stacks.get("server"), volume_id=stacks.get("volume")
        ),
        balancer=stacks.resource("Octavia::LoadBalancer", vip_subnet="private"),
        listener=stacks.resource(
            "Octavia::Listener", loadbalancer=stacks.get("balancer"), protocol="TCP", protocol_port=8080
        ),
        pool=stacks.resource(
            "Octavia::Pool", listener=stacks.get("listener"), protocol="TCP", lb_algorithm="ROUND_ROBIN"
        ),
        monitor=stacks.resource(
            "Octavia::HealthMonitor", pool=stacks.get("pool"), type="TCP", delay=1, max_retries=1, timeout=1
        ),
        member=stacks.resource(
            "Octavia::PoolMember",
            pool=stacks.get("pool"),
            address=attribute("port", "fixed_ips", 0, "ip_address"),
            subnet="private",
            protocol_port=80,
        ),
        floating_of_balancer=stacks.resource(
            "Neutron::FloatingIP", floating_network="public", port_id=attribute("balancer", "vip_port_id")
        ),
    ) | {
        "outputs": {
            "server": {"value": stacks.get("server")},
            "floating": {"value": attribute("floating", "floating_ip_address")},
            "volume": {"value": stacks.get("volume")},
            "balancer": {"value": stacks.get("balancer")},
            "pool": {"value": stacks.get("pool")},
            "balanced": {"value": attribute("floating_of_balancer", "floating_ip_address")},
        }
    }


def attribute(*path):
    return {"get_attr": path}


class Guest:
    def __init__(self, person, outputs, token):
        self.compute = person.connection.compute
        self.connection = person.connection
        self.id = outputs["server"]
        self.outputs = outputs
        self.token = token

    def read(self, file, place=None):
        """Give a file that it serves, at its own address if no other is named; nothing when it does not answer."""
        place = place or self.outputs["floating"]
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            return urllib3.request("GET", f"http://{place}/{file}", timeout=2, retries=False).data.decode()
        return ""

    def answers(self, place=None):
        return self.read("token", place) == self.token


@pytest.fixture(scope="module")
def guest(person):
    """A server of a stack that is complete when the server says so itself."""
    name, token = f"guest-{secrets.token_hex(4)}", secrets.token_hex(8)
    member = person("member")
    stack = member.make_stack(name, stack_of(token))
    try:
        found = until("the stack is complete", lambda: ended(member, stack), seconds=SECONDS)
        assert found["stack_status"] == "CREATE_COMPLETE", found["stack_status_reason"]
        yield Guest(member, {output["output_key"]: output["output_value"] for output in found["outputs"]}, token)
    finally:
        member.ask("DELETE", f"/stacks/{name}/{stack}", service="orchestration")
        found = until("the stack has been deleted", lambda: ended(member, stack), seconds=SECONDS)
        assert found["stack_status"] == "DELETE_COMPLETE", found["stack_status_reason"]


def shown(person, stack):
    gone = {"stack_status": "DELETE_COMPLETE"}
    return person.ask("GET", f"/stacks/{stack}", service="orchestration").json().get("stack", gone)


def ended(person, stack):
    found = shown(person, stack)
    return found if "IN_PROGRESS" not in found["stack_status"] else None


def test_a_server_runs_what_its_user_data_say_under_its_own_name(guest):
    assert guest.read("token") == guest.token
    server = guest.compute.get_server(guest.id)
    assert guest.read("name").strip() == server.name
    assert guest.read("machine-id").strip() == guest.id.replace("-", "")
    assert guest.read("authorized_keys").startswith("ssh-ed25519 ")


def test_a_volume_is_a_disk_of_its_size_that_can_be_formatted_and_mounted(guest, cloud):
    assert guest.read("disk/size").strip() == str(1 << 30)
    assert (cloud.folder / "data/volumes" / guest.outputs["volume"]).stat().st_blocks * 512 < 1 << 28


def test_it_is_off_and_on_as_nova_says(guest):
    assert guest.answers()
    guest.compute.stop_server(guest.id)
    until("it does not answer", lambda: not guest.answers())
    guest.compute.start_server(guest.id)
    until("it answers", guest.answers)


def test_it_restarts_when_nova_is_asked_and_keeps_its_disk(guest, cloud):
    console = cloud.folder / "guests" / guest.compute.get_server(guest.id).name
    before = (console / "machine.json").read_text()
    guest.compute.reboot_server(guest.id, "HARD")
    until("it was started again", lambda: (console / "machine.json").read_text() != before)
    until("it answers", guest.answers)


def test_a_load_balancer_balances_and_changes_without_cutting_anybody_off(guest):
    address = guest.outputs["balanced"]
    until("the load balancer leads to the server", lambda: guest.answers(f"{address}:8080"))
    balancers = guest.connection.load_balancer
    with socket.create_connection((address, 8080), timeout=10) as early:
        listener = balancers.create_listener(
            loadbalancer_id=guest.outputs["balancer"],
            default_pool_id=guest.outputs["pool"],
            protocol="TCP",
            protocol_port=8081,
        )
        try:
            until("the new listener is served", lambda: guest.answers(f"{address}:8081"))
        finally:
            until("the load balancer can be changed", lambda: settled(balancers, guest.outputs["balancer"]))
            balancers.delete_listener(listener)
        early.sendall(b"GET /token HTTP/1.0\r\n\r\n")
        assert guest.token.encode() in early.makefile("rb").read()
    until("the listener is gone", lambda: not guest.answers(f"{address}:8081"))
    assert guest.answers(f"{address}:8080")


def settled(balancers, balancer):
    return balancers.get_load_balancer(balancer).provisioning_status == "ACTIVE"
