"""Servers of the lab run: they do what their user data say, and follow what Nova is asked."""

import contextlib
import secrets

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
  CALL --data-binary '{"status": "SUCCESS"}'
"""


def stack_of(token):
    user_data = {"str_replace": {"template": USER_DATA.replace("TOKEN", token), "params": {"CALL": call("handle")}}}
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
            user_data=user_data,
        ),
    ) | {
        "outputs": {
            "server": {"value": stacks.get("server")},
            "floating": {"value": {"get_attr": ["floating", "floating_ip_address"]}},
        }
    }


def call(handle):
    """Give the command that signals."""
    return {"get_attr": [handle, "curl_cli"]}


class Guest:
    def __init__(self, person, outputs, token):
        self.compute = person.connection.compute
        self.id, self.floating = outputs["server"], outputs["floating"]
        self.token = token

    def read(self, file):
        """Give a file that it serves; nothing when it does not answer."""
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            return urllib3.request("GET", f"http://{self.floating}/{file}", timeout=2, retries=False).data.decode()
        return ""

    def answers(self):
        return self.read("token") == self.token


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
        until("the stack is gone", lambda: "DELETE_COMPLETE" in str(shown(member, stack)), seconds=SECONDS)


def shown(person, stack):
    return person.ask("GET", f"/stacks/{stack}", service="orchestration").json().get("stack", "DELETE_COMPLETE")


def ended(person, stack):
    found = shown(person, stack)
    return found if "IN_PROGRESS" not in found["stack_status"] else None


def test_a_server_runs_what_its_user_data_say_under_its_own_name(guest):
    assert guest.read("token") == guest.token
    server = guest.compute.get_server(guest.id)
    assert guest.read("name").strip() == server.name
    assert guest.read("machine-id").strip() == guest.id.replace("-", "")
    assert guest.read("authorized_keys").startswith("ssh-ed25519 ")


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
