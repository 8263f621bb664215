import base64
import gzip
from ipaddress import IPv4Network
from types import SimpleNamespace

import msgspec
import pytest
import yaml
from ignition_checker import checked, written
from kubernetes_rows import Context

from magnum.conf.settings import Settings
from magnum.drivers.heat.seen import Place, Seen, SeenGroup
from magnum.drivers.kubernetes.infrastructure import Site
from magnum.drivers.kubernetes.nodes import Nodes
from magnum.drivers.kubernetes_heat.surroundings import Surroundings
from magnum.drivers.kubernetes_heat.system import System
from magnum.drivers.kubernetes_heat.user_data import UserDataMaker
from magnum.model.failures import Fatal
from magnum.nodes.data import Platform
from magnum.nodes.ignition import Ignition
from magnum.nodes.kubernetes.images import Images
from magnum.nodes.kubernetes.releases import Program, Release
from magnum.openstack.heat import Stack

DEBIAN = System(platform=Platform.DEBIAN)
VOLUME = "16354901-42de-4f3f-939e-7bec1c0c1d39"
RELEASE = Release("http://releases/v1.20.2/bin/linux", (Program("amd64", "kubelet", "0" * 64),))


class Cloud:
    """Our own service, as the catalogue tells."""

    def own(self):
        return self

    def magnum(self):
        return SimpleNamespace(address="https://magnum.example/v1/")


def make(monkeypatch, context, system=DEBIAN):
    context.nodegroups = tuple(msgspec.structs.replace(group, is_default=True) for group in context.nodegroups)
    context.new_node_token = lambda node, _limits: f"token-of-{node.name}-0123456789"
    place = Place(address="10.0.0.9", etcd_volume=VOLUME)
    seen = Seen(
        stack=Stack("1", "web", "UPDATE_COMPLETE"),
        operation=None,
        content=None,
        masters=SeenGroup({1: place}),
        workers=SeenGroup(),
    )
    surroundings = Surroundings(Settings(), Cloud(), SimpleNamespace(seen=lambda _context, _name: seen), system)
    monkeypatch.setattr(surroundings, "release", lambda _tag: RELEASE)
    site = Site(network=IPv4Network("10.77.5.0/24"), default_route=True)
    nodes = Nodes(lambda _context: site, None, surroundings.fit)
    masters = [node for node in context.nodes if node.role == "master"]
    workers = [node for node in context.nodes if node.role != "master"]
    return UserDataMaker(nodes, surroundings, system).make(context, {"master": masters, "worker": workers})


def contents(parts, number):
    text = parts.head + parts.own[number] + parts.signal.replace("$URL", "http://heat/") + parts.tail
    return {entry["path"]: content_of(entry) for entry in yaml.safe_load(text)["write_files"]}


def content_of(entry):
    if "encoding" not in entry:
        return entry["content"]
    return gzip.decompress(base64.b64decode(entry["content"])).decode().strip()


def test_a_server_is_told_all_that_it_finds_around_it(monkeypatch):
    context = Context()
    context.template = msgspec.structs.replace(context.template, http_proxy="http://proxy:3128")
    parts = make(monkeypatch, context)
    master, worker = contents(parts["master"], 1), contents(parts["worker"], 1)
    assert master["/etc/magnum/node/api_url"] == "https://magnum.example/v1"
    assert master["/etc/magnum/node/volumes"] == f"{VOLUME}|/var/lib/etcd"
    assert "/etc/magnum/node/volumes" not in worker
    assert worker["/etc/magnum/node/programs_url"] == RELEASE.folder
    assert worker["/etc/magnum/node/http_proxy"] == "http://proxy:3128"  # it fetches programs too
    assert worker["/etc/magnum/node/heat_signal_url"] == "http://heat/"
    assert worker["/etc/magnum/node/token"] == "token-of-web-worker-1-0123456789"


def test_a_system_that_runs_programs_in_containers_fetches_none_and_is_told_in_its_own_form(monkeypatch):
    def images(labels):
        return Images(prefix="r:5000/", etcd_tag=labels.get("etcd_tag", "v3.4.6"))

    system = System(platform=Platform.FEDORA_COREOS, form=lambda _labels: Ignition(), images=images)
    parts = make(monkeypatch, Context(), system)["worker"]
    signal = parts.signal.replace("$ESCAPED_URL", "http://heat/")
    told = {
        file.path: file.content.decode() for file in written(checked(parts.head + parts.own[1] + signal + parts.tail))
    }
    assert told["/etc/magnum/node/images"] == "r:5000/hyperkube:v1.20.2\n"
    assert "/etc/magnum/node/programs_url" not in told
    assert told["/etc/magnum/node/heat_signal_url"] == "http://heat/"


def test_nobody_comes_so_nobody_is_told():
    assert UserDataMaker(None, None, DEBIAN).make(None, {"master": [], "worker": []}) == {}


def test_user_data_that_a_server_does_not_take_is_refused_before_heat_is_asked(monkeypatch):
    def too_long(*_arguments, **_more):
        raise ValueError("the user data of web-worker-1 is too large")

    monkeypatch.setattr("magnum.drivers.kubernetes_heat.user_data.pack", too_long)
    with pytest.raises(Fatal, match="too large"):
        make(monkeypatch, Context())


def test_the_addresses_of_a_subnet_that_exists_are_asked_for_once(monkeypatch):
    asked = []

    def find(_neutron, ident):
        asked.append(ident)
        return SimpleNamespace(cidr="192.168.7.0/24")

    monkeypatch.setattr("magnum.drivers.kubernetes_heat.surroundings.find_subnet", find)
    cloud = SimpleNamespace(trusted=lambda _trust: SimpleNamespace(neutron=lambda: None))
    surroundings = Surroundings(Settings(), cloud, None, DEBIAN)
    context = Context()
    assert surroundings.subnet_cidr(context) is None
    context.cluster = msgspec.structs.replace(context.cluster, fixed_subnet="part")
    assert surroundings.subnet_cidr(context) == surroundings.subnet_cidr(context) == "192.168.7.0/24"
    assert asked == ["part"]
