"""The life of stacks on a real Heat: places, servers, a node that goes, one that is made anew, failures, the end.

No server signals by itself, so a test does in its place, at the URL that stands in its user data.
"""

import base64
import json
import secrets
import uuid
from ipaddress import IPv4Address
from types import SimpleNamespace

import msgspec
import pytest
import requests
from cloud import until
from imaginary_heat import ImaginaryContext
from keystoneauth1.identity.v3 import Password
from shapes import Ids

from magnum.conf.settings import Settings
from magnum.drivers.heat.desired import MASTER, WORKER, Desired, Group, Machine, UserData
from magnum.drivers.heat.mappings import evaluate
from magnum.drivers.heat.names import nodegroup_stack_name, stack_name
from magnum.drivers.heat.parameters import CLUSTER, NODEGROUP, Facts
from magnum.drivers.heat.stacks import Stacks
from magnum.drivers.heat.watch import open_watch
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.outcomes import Done
from magnum.openstack.clouds import Cloud as OwnCloud

OWNER = "third"
TIMEOUT = 300
OK = {"status": "SUCCESS", "reason": "all is well", "id": "1", "data": ""}
BAD = {"status": "FAILURE", "reason": "step containerd failed: no package", "id": "1", "data": ""}


class Everybody:
    """Implements Clouds for one who needs no trust."""

    def __init__(self, auth):
        self.cloud = OwnCloud(Settings(), Password(**auth))

    def trusted(self, _):
        return self.cloud

    def deleting(self, *_):
        return self.cloud


class Owner:
    """A cluster in the lab, and who it belongs to."""

    def __init__(self, cloud, person):
        self.connection = person(OWNER).connection
        self.admin = person("admin")
        clouds = Everybody(cloud.clouds[OWNER]["auth"])
        self.stacks = Stacks(clouds, open_watch(Settings(), clouds))
        self.context = ImaginaryContext(str(uuid.uuid4()))
        self.context.cluster = SimpleNamespace(
            uuid=self.context.cluster.uuid, name="life", project_id=self.connection.current_project_id, trust_id=None
        )
        self.name = stack_name("life", self.context.cluster.uuid)
        self.ids = Ids(
            image=self.connection.image.find_image("debian-12").id,
            flavor=self.connection.compute.find_flavor("m1.tiny").id,
            public=self.connection.network.find_network("public").id,
        )
        self.facts = Facts(
            external_network=self.ids.public,
            network_name=self.name,
            fixed_subnet_cidr="10.7.0.0/24",
            load_balanced=True,
            load_balancer_floating=True,
            pods_cidr="10.100.0.0/16",
            ssh_key_name="key",
            etcd_volume_size=1,
            wait_condition_timeout=TIMEOUT,
        )

    def machine(self, name, *, instance="first", flavor=None):
        return Machine(name, self.ids.image, flavor or self.ids.flavor, "edition", instance)

    def group(self, role, places, servers=(), **kept):
        machines = {number: self.machine(f"life-{role}-{number}", **kept) for number in servers}
        return Group(places={number: f"life-{role}-{number}" for number in places}, servers=machines)

    def wanted(self, masters, workers):
        return Desired(
            name=self.name,
            cluster_uuid=self.context.cluster.uuid,
            operation=self.context.operation.uuid,
            parameters=evaluate(CLUSTER, self.facts),
            masters=masters,
            workers=workers,
        )

    def one_more(self, group, facts, workers):
        return Desired(
            name=nodegroup_stack_name("life", group, f"{self.context.cluster.uuid}/{group}"),
            cluster_uuid=self.context.cluster.uuid,
            operation=self.context.operation.uuid,
            parameters=evaluate(NODEGROUP, facts),
            workers=workers,
        )

    def converge(self, wanted, *, meanwhile=lambda: None, **own):
        """Go on until a stack is what it should be; `own` user data goes to those that boot, by role."""
        data = {
            role: UserData(head="#cloud-config\n", own=texts, signal="url: $URL\n# $ESCAPED_URL\n", tail="# the end\n")
            for role, texts in own.items()
        }

        def done():
            outcome = self.stacks.converge(self.context, wanted, lambda: data)
            meanwhile()
            return isinstance(outcome, Done)

        until("the stack is what it should be", done, seconds=TIMEOUT)

    def fails(self, wanted):
        """Go on until one fails, and give what is told."""
        found = []

        def failed():
            try:
                self.stacks.converge(self.context, wanted, dict)
            except Fatal as failure:
                found.append(failure)
            return found

        return until("the stack has failed", failed, seconds=TIMEOUT)[0]

    def see(self):
        return self.stacks.see(self.context, self.name)

    def servers(self):
        return {server.name: server for server in self.connection.compute.servers()}

    def user_data(self, server):
        version = {"OpenStack-API-Version": "compute 2.3"}
        found = self.admin.ask("GET", f"/servers/{server.id}", service="compute", **version).json()["server"]
        return base64.b64decode(found["OS-EXT-SRV-ATTR:user_data"]).decode()

    def signals(self, **bodies):
        """Give what signals for each of these servers once it is there, and says whether all have."""
        left = dict(bodies)

        def look():
            for name, server in self.servers().items() if left else ():
                if server.status == "ACTIVE" and name in left:
                    signal(self.user_data(server), left.pop(name))
            return not left

        return look


def signal(user_data, body):
    [line] = [line for line in user_data.splitlines() if line.startswith("url: ")]
    answer = requests.put(
        line.removeprefix("url: "), json.dumps(body), headers={"Content-Type": "application/json"}, timeout=60
    )
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def owner(cloud, person):
    owner = Owner(cloud, person)
    yield owner
    until("the stacks are gone", lambda: isinstance(deleted(owner), Done), seconds=TIMEOUT)
    assert not [stack for stack in owner.connection.orchestration.stacks() if stack.name.startswith("life")]
    assert not [server for server in owner.servers() if server.startswith("life")]
    assert not [volume for volume in owner.connection.block_storage.volumes() if volume.name.startswith("life")]


def deleted(owner):
    try:
        return owner.stacks.delete(owner.context)
    except Retry as failure:
        return failure


@pytest.fixture(scope="module")
def places(owner):
    """One master and two workers have addresses; no server is there."""
    wanted = owner.wanted(owner.group(MASTER, [0]), owner.group(WORKER, [0, 1]))
    owner.converge(wanted)
    return owner.see()


@pytest.fixture(scope="module")
def running(owner, places):
    wanted = owner.wanted(owner.group(MASTER, [0], [0]), owner.group(WORKER, [0, 1], [0, 1]))
    signals = owner.signals(**{"life-master-0": OK, "life-worker-0": OK, "life-worker-1": OK})
    texts = {MASTER: {0: "# master\n"}, WORKER: {0: "# worker 0\n", 1: "# worker 1\n"}}
    owner.converge(wanted, meanwhile=signals, **texts)
    return owner.see()


@pytest.fixture(scope="module")
def failing(owner, places, too_large, full):
    """Groups of workers that will fail, each in its way and in its time: Heat tries some things five times."""
    facts = Facts(
        external_network=owner.ids.public,
        network_name="",
        fixed_network=places.network,
        fixed_subnet=places.subnet,
        security_group=places.worker_security_group,
        wait_condition_timeout=TIMEOUT,
    )
    change = msgspec.structs.replace
    several = {
        "no-host": owner.one_more("no-host", facts, owner.group(WORKER, [4], [4], flavor=too_large)),
        "quota": owner.one_more("quota", change(facts, docker_volume_size=1000), owner.group(WORKER, [5])),
        "signal": owner.one_more("signal", facts, owner.group(WORKER, [6], [6])),
        "silence": owner.one_more("silence", change(facts, wait_condition_timeout=8), owner.group(WORKER, [7], [7])),
    }
    data = {WORKER: UserData(own={6: "# 6\n"}, signal="url: $URL\n")}
    for wanted in several.values():
        owner.stacks.converge(owner.context, wanted, lambda: data)
    return several


@pytest.fixture(scope="module")
def too_large(person):
    """A flavor that no host has room for."""
    admin = person("admin")
    body = {"name": f"too-large-{secrets.token_hex(4)}", "ram": 512, "vcpus": 1, "disk": 100_000_000}
    answer = admin.ask("POST", "/flavors", {"flavor": body}, service="compute")
    assert answer.status_code == 200, answer.text
    identity = answer.json()["flavor"]["id"]
    yield identity
    admin.ask("DELETE", f"/flavors/{identity}", service="compute")


@pytest.fixture(scope="module")
def full(owner, person):
    """A project that may have no more than 100 GB of volumes."""
    path, version = f"/os-quota-sets/{owner.connection.current_project_id}", {"OpenStack-API-Version": "volume 3.0"}
    quota = {"quota_set": {"gigabytes": 100}}
    answer = person("admin").ask("PUT", path, quota, service="block-storage", **version)
    assert answer.status_code == 200, answer.text
    yield
    person("admin").ask("DELETE", path, service="block-storage", **version)


def test_all_addresses_are_known_before_there_is_a_server(owner, person, places, failing):
    assert IPv4Address(places.api_address) in person("admin").outside()
    assert places.api_private_address.startswith("10.7.0.")
    assert {place.address.rpartition(".")[0] for place in places.workers.places.values()} == {"10.7.0"}
    assert owner.connection.block_storage.get_volume(places.masters.places[0].etcd_volume).size == 1
    assert (places.cidr, places.workers.servers, places.masters.servers) == ("10.7.0.0/24", {}, {})
    assert not {"life-master-0", "life-worker-0", "life-worker-1"} & owner.servers().keys()


def test_servers_come_to_the_places_with_their_user_data(owner, places, running):
    assert running.masters.places == places.masters.places
    assert running.workers.places == places.workers.places
    assert running.workers.servers[1].machine == owner.machine("life-worker-1")
    server = owner.servers()["life-worker-1"]
    assert (server.id, server.key_name) == (running.workers.servers[1].id, "key")
    [addresses] = server.addresses.values()
    assert [address["addr"] for address in addresses] == [running.workers.places[1].address]
    lines = owner.user_data(server).splitlines()
    assert [*lines[:2], lines[-1]] == ["#cloud-config", "# worker 1", "# the end"]
    assert lines[3] == "# " + lines[2].removeprefix("url: ").replace("%", "%25")
    volume = owner.connection.block_storage.get_volume(running.masters.places[0].etcd_volume)
    assert [attachment["server_id"] for attachment in volume.attachments] == [running.masters.servers[0].id]


def test_named_nodes_go_and_come_and_a_master_is_made_anew_at_its_place(owner, running):
    owner.converge(owner.wanted(owner.group(MASTER, [0]), owner.group(WORKER, [1, 2], [1])))
    assert {name for name in owner.servers() if name.startswith("life-") and name < "life-worker-4"} == {
        "life-worker-1"
    }
    owner.converge(
        owner.wanted(owner.group(MASTER, [0], [0], instance="second"), owner.group(WORKER, [1, 2], [1, 2])),
        meanwhile=owner.signals(**{"life-master-0": OK, "life-worker-2": OK}),
        **{MASTER: {0: "# anew\n"}, WORKER: {2: "# worker 2\n"}},
    )
    now = owner.see()
    assert now.workers.servers.keys() == now.workers.places.keys() == {1, 2}
    assert now.workers.servers[1] == running.workers.servers[1]
    assert now.masters.places == running.masters.places
    assert now.masters.servers[0].machine.instance == "second"
    assert now.masters.servers[0].id != running.masters.servers[0].id
    assert "# anew" in owner.user_data(owner.servers()["life-master-0"])


def test_what_fails_is_told_with_its_node_its_service_and_the_cause(owner, failing):
    bad = owner.signals(**{"life-worker-6": BAD})
    until("worker 6 has signalled", bad, seconds=TIMEOUT)
    found = {group: owner.fails(wanted) for group, wanted in failing.items()}
    assert "worker 4: Nova: No valid host was found" in found["no-host"].text
    assert found["quota"].text.startswith("worker 5: Cinder: ")
    assert "quota" in found["quota"].text
    assert found["signal"].text == "worker 6: its set-up failed: step containerd failed: no package."
    assert found["silence"].text.startswith("worker 7: it did not say in time how its set-up went")
    codes = (Code.CAPACITY, Code.CAPACITY, Code.NODE_STEP, Code.NODE_STEP)
    assert tuple(found[group].code for group in failing) == codes
    assert owner.stacks.failed_nodes(owner.context, failing["signal"].name) == (frozenset(), frozenset({6}))


def test_after_a_failure_the_next_operation_makes_the_node_anew(owner, failing):
    failed = failing["signal"]
    again = msgspec.structs.replace(failed, operation="again", workers=owner.group(WORKER, [6]))
    owner.converge(again)
    again = msgspec.structs.replace(again, workers=owner.group(WORKER, [6], [6], instance="second"))
    owner.converge(again, meanwhile=owner.signals(**{"life-worker-6": OK}), **{WORKER: {6: "# second\n"}})
    assert owner.stacks.failed_nodes(owner.context, failed.name) == (frozenset(), frozenset())
