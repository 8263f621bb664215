"""What machines of this host see of it, and what is around them."""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from kubernetes_rows import UUID, Context

from magnum.drivers.kubernetes.infrastructure import Place
from magnum.drivers.kubernetes.names import DEFAULT_TAG, PROGRAMS
from magnum.drivers.kubernetes.nodes import Nodes
from magnum.drivers.kubernetes.values import read_values
from magnum.drivers.local.networks import Network
from magnum.drivers.local_kubernetes.infrastructure import LocalSite
from magnum.drivers.local_kubernetes.load_balancer import LoadBalancer
from magnum.drivers.local_kubernetes.machines import MachinePrograms
from magnum.drivers.local_kubernetes.programs import ProgramsSource
from magnum.model.failures import Fatal, Retry
from magnum.model.outcomes import Done
from magnum.nodes.kubernetes.cluster import Member
from magnum.nodes.kubernetes.load_balancer import CONFIGURATION


@pytest.fixture
def programs(tmp_path):
    folder = tmp_path / "programs" / DEFAULT_TAG
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\necho Kubernetes {DEFAULT_TAG}\n")
        (folder / name).chmod(0o755)
    return ProgramsSource(
        cache_dir=tmp_path / "cache", binaries_dir=tmp_path / "programs", release_url="http://127.0.0.1:1"
    )


def version(context, _node):
    return read_values(context.template, context.cluster.labels).version


@pytest.fixture
def machines(programs):
    return MachinePrograms(programs, version)


def network(_uuid):
    return Network.of(UUID, IPv4Network("10.77.5.0/24"))


def test_programs_are_found_before_anything_is_made(machines):
    context = Context()
    assert machines.fetch(context) == Done()
    assert context.told == []


def test_programs_that_cannot_be_had_are_told_with_all_that_helps(machines):
    context = Context(labels={"kube_tag": "v1.31.2"})
    with pytest.raises(Fatal, match=r"v1\.31\.2: http://127\.0\.0\.1:1.*binaries_dir.*kube_tag"):
        machines.fetch(context)


def test_programs_that_do_not_run_are_told_with_where_they_are(machines, programs):
    (programs.binaries_dir / DEFAULT_TAG / "kubelet").write_text("#!/bin/sh\necho no such instruction >&2; exit 1\n")
    with pytest.raises(Fatal, match=r"binaries_dir cannot be used: .*/kubelet.* no such instruction"):
        machines.fetch(Context())


def test_around_the_machines_is_their_network():
    site = LocalSite(SimpleNamespace(find_network=network), watches_images=True)
    alone, balanced = site(Context()), site(Context(masters=3, balanced=True))
    assert (alone.network, alone.api) == (IPv4Network("10.77.5.0/24"), None)
    assert balanced.api == Place(IPv4Address("10.77.5.2"))
    assert alone.watches_images
    with pytest.raises(Retry, match="network is gone"):
        LocalSite(SimpleNamespace(find_network=lambda _: None), watches_images=False)(Context())


def test_a_machine_sees_programs_images_and_the_kernels_log(machines, programs, monkeypatch):
    root = programs.cache_dir / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin/busybox").write_bytes(b"busybox")
    monkeypatch.setattr("magnum.drivers.local.rootfs.find", lambda _image, _cache: root)
    context = Context()
    binds = {str(bind.target): bind.source for bind in machines.binds(context, context.nodes[0])}
    assert binds.keys() == {"/opt/kubernetes/bin", "/opt/kubernetes/images", "/dev/kmsg"}
    assert binds["/opt/kubernetes/bin"] == programs.binaries_dir / DEFAULT_TAG
    assert (binds["/opt/kubernetes/images"] / "pause.tar").is_file()
    assert binds["/dev/kmsg"] == Path("/dev/kmsg")


def test_a_machine_sees_the_operators_images(programs, monkeypatch, tmp_path):
    folder = tmp_path / "images"
    machines = MachinePrograms(programs, version, folder)
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin/busybox").write_bytes(b"busybox")
    monkeypatch.setattr("magnum.drivers.local.rootfs.find", lambda _image, _cache: root)
    context = Context()
    with pytest.raises(Fatal, match=r"images_dir is .*/images, which is no folder of this host"):
        machines.binds(context, context.nodes[0])
    folder.mkdir()
    binds = {str(bind.target): bind.source for bind in machines.binds(context, context.nodes[0])}
    assert binds["/opt/kubernetes/own-images"] == folder


class Local:
    def __init__(self):
        self.helpers = []

    def ensure_helper(self, _context, helper):
        self.helpers.append(helper)


def test_there_is_a_load_balancer_where_there_should_be_one_and_it_follows_its_members():
    local = Local()
    balancer = LoadBalancer(
        Nodes(LocalSite(SimpleNamespace(find_network=network), watches_images=False), None).cluster, local
    )
    member = Member("web-master-1", IPv4Address("10.77.5.10"))
    balancer.ensure(Context(), [member])
    assert local.helpers == []
    context = Context(masters=3, balanced=True)
    balancer.ensure(context, [member])
    balancer.ensure(context, [member, Member("web-master-2", IPv4Address("10.77.5.11"))])
    first, second = local.helpers
    assert first.address == IPv4Address("10.77.5.2")
    assert "-api-1" in first.name
    assert msgspec.structs.replace(second, shared=first.shared) == first
    assert b"web-master-2" in second.shared[CONFIGURATION]
    assert b"web-master-2" not in first.shared[CONFIGURATION]
