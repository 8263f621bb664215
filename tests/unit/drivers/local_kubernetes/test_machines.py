"""What machines of a cluster are made with, out of rows as the service has them."""

import base64
import gzip
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import yaml

from magnum.drivers.base import NodeAccess
from magnum.drivers.local.networks import Network
from magnum.drivers.local_kubernetes.load_balancer import LoadBalancer
from magnum.drivers.local_kubernetes.machines import KubernetesMachines
from magnum.drivers.local_kubernetes.names import DEFAULT_TAG, PROGRAMS
from magnum.drivers.local_kubernetes.programs import ProgramsSource
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.failures import Fatal, Retry
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import CreateCluster, ResizeNodeGroup
from magnum.model.outcomes import Done
from magnum.nodes.kubernetes.cluster import Member
from magnum.nodes.kubernetes.load_balancer import CONFIGURATION

UUID = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"
ACCESS = NodeAccess(url="https://10.77.5.1:9512/v1", pin="A" * 43 + "=")
CREATE = CreateCluster()
FIRST, SECOND = IPv4Address("10.77.5.10"), IPv4Address("10.77.5.11")
TOKEN = "secret-token-of-the-node-0123456789abcdef"
COMMON = {"uuid": UUID, "name": "web", "project_id": "p", "user_id": "u"}


class Context:
    """As much of a driver's context as this uses."""

    def __init__(self, *, masters=1, labels=None, balanced=False, worker_labels=None, arguments=CREATE):
        self.cluster = Cluster(
            **COMMON, cluster_template_id="t", status=None, labels=labels or {}, master_lb_enabled=balanced
        )
        self.template = ClusterTemplate(
            **COMMON, coe="kubernetes", image_id="debian-12", cluster_distro="debian", network_driver="bridge"
        )
        group = {"cluster_id": UUID, "project_id": "p"}
        self.nodegroups = (
            NodeGroup(uuid="masters", name="default-master", role="master", node_count=masters, **group),
            NodeGroup(
                uuid="workers",
                name="default-worker",
                role="worker",
                node_count=1,
                labels=worker_labels or {},
                **group,
            ),
        )
        rows = [("masters", "master", number) for number in range(1, masters + 1)] + [("workers", "worker", 1)]
        self.nodes = tuple(
            Node(
                uuid=f"{role} {number}",
                cluster_uuid=UUID,
                nodegroup_uuid=group,
                number=number,
                name=f"web-{role}-{number}",
                role=role,
                address=f"10.77.5.{10 + index}",
            )
            for index, (group, role, number) in enumerate(rows)
        )
        self.changing = self.nodes
        self.operation = SimpleNamespace(arguments=arguments)
        self.secrets = {}
        self.told = []

    def secret(self, name, make):
        return self.secrets.setdefault(name, make())

    def event(self, text, **_):
        self.told.append(text)


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


@pytest.fixture
def machines(programs):
    network = Network.of(UUID, IPv4Network("10.77.5.0/24"))
    return KubernetesMachines(SimpleNamespace(find_network=lambda _: network), programs, None)


def files(machines, context, node):
    document = yaml.safe_load(machines.plan().user_data(context, node, ACCESS, TOKEN))
    return {entry["path"]: content_of(entry) for entry in document["write_files"]}


def content_of(entry):
    if "encoding" not in entry:
        return entry["content"]
    return gzip.decompress(base64.b64decode(entry["content"])).decode()


def test_a_master_and_a_worker_are_told_what_they_need(machines):
    context = Context()
    master, worker = (files(machines, context, node) for node in context.nodes)
    assert master["/etc/magnum/node/role"] == "master"
    assert "/etc/systemd/system/kube-apiserver.service" in master
    assert "/etc/systemd/system/kube-apiserver.service" not in worker
    assert "server: https://10.77.5.10:6443" in worker["/etc/kubernetes/kubelet.kubeconfig"]


def test_all_masters_share_their_secrets_and_workers_have_none(machines):
    context = Context(masters=3, balanced=True)
    *masters, worker = (files(machines, context, node) for node in context.nodes)
    keys = {master["/etc/kubernetes/service-account.key"] for master in masters}
    assert len(keys) == 1
    assert keys.pop().startswith("-----BEGIN PRIVATE KEY-----")
    assert len({master["/etc/kubernetes/encryption.yaml"] for master in masters}) == 1
    assert not [path for path in worker if "service-account" in path or "encryption" in path]


def test_nodes_of_several_masters_go_by_the_load_balancer(machines):
    context = Context(masters=3, balanced=True)
    worker = files(machines, context, context.nodes[-1])
    assert "server: https://10.77.5.2:6443" in worker["/etc/kubernetes/kubelet.kubeconfig"]
    limits = machines.plan().limits(context, context.nodes[0])
    assert any("10.77.5.2" in one.ip_addresses for one in (limits, *limits.others))


def test_a_master_that_joins_knows_the_members_that_there_are_and_nobody_counts_on_it(programs):
    context = Context(masters=3, balanced=True, arguments=ResizeNodeGroup("masters", 3, 1))
    first, second, third, worker = context.nodes
    first = msgspec.structs.replace(first, state=NodeState.JOINED, member_id="1")
    context.nodes = (first, second, third, worker)
    described = SimpleNamespace(described=lambda _context, node: (Member(first.name, FIRST), Member(node.name, SECOND)))
    network = Network.of(UUID, IPv4Network("10.77.5.0/24"))
    machines = KubernetesMachines(SimpleNamespace(find_network=lambda _: network), programs, described)
    unit = files(machines, context, second)["/etc/systemd/system/etcd.service"]
    assert "--initial-cluster-state=existing" in unit
    assert f"--initial-cluster={first.name}=https://10.77.5.10:2380,{second.name}=https://10.77.5.11:2380 " in unit
    assert [member.name for member in machines.cluster(context).masters] == [first.name]


def test_what_a_node_may_have_signed_is_what_it_is_told_to_ask_for(machines):
    context = Context()
    for node in context.nodes:
        limits = machines.plan().limits(context, node)
        lines = files(machines, context, node)["/etc/magnum/node/certificates"].splitlines()
        assert [one.common_name for one in (limits, *limits.others)] == [
            line.split("|")[2].rpartition("CN=")[2] for line in lines
        ]


def test_programs_are_found_before_anything_is_made(machines):
    context = Context()
    assert machines.programs(context) == Done()
    assert context.told == []


def test_programs_that_cannot_be_had_are_told_with_all_that_helps(machines):
    context = Context(labels={"kube_tag": "v1.31.2"})
    with pytest.raises(Fatal, match=r"v1\.31\.2: http://127\.0\.0\.1:1.*binaries_dir.*kube_tag"):
        machines.programs(context)


def test_programs_that_do_not_run_are_told_with_where_they_are(machines, programs):
    (programs.binaries_dir / DEFAULT_TAG / "kubelet").write_text("#!/bin/sh\necho no such instruction >&2; exit 1\n")
    with pytest.raises(Fatal, match=r"binaries_dir cannot be used: .*/kubelet.* no such instruction"):
        machines.programs(Context())


def test_a_node_is_of_its_own_groups_version(machines):
    """All else is the cluster's: its networks, and the version where the group says none."""
    context = Context(labels={"kube_tag": "v1.27.0"}, worker_labels={"kube_tag": "v1.25.3", "dns_cluster_domain": "x"})
    master, worker = context.nodes
    assert [machines.version(context, node).tag for node in context.nodes] == ["v1.27.0", "v1.25.3"]
    kubelets = [
        yaml.safe_load(files(machines, context, node)["/etc/kubernetes/kubelet.yaml"]) for node in (master, worker)
    ]
    assert ["containerRuntimeEndpoint" in kubelet for kubelet in kubelets] == [True, False]
    assert [kubelet["clusterDomain"] for kubelet in kubelets] == ["cluster.local"] * 2
    with pytest.raises(Fatal, match=r"v1\.25\.3"):
        machines.programs(context)


def test_a_label_that_an_adopted_row_may_hold_is_told(machines):
    with pytest.raises(Fatal, match="no version of Kubernetes"):
        machines.programs(Context(labels={"kube_tag": "latest"}))


def test_without_a_network_or_a_master_there_is_nothing_to_tell(machines, programs):
    with pytest.raises(Retry, match="network is gone"):
        KubernetesMachines(SimpleNamespace(find_network=lambda _: None), programs, None).cluster(Context())
    context = Context()
    context.nodes = context.nodes[1:]
    with pytest.raises(Fatal, match="no master"):
        machines.cluster(context)


def test_a_machine_sees_programs_images_and_the_kernels_log(machines, programs, monkeypatch):
    root = programs.cache_dir / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin/busybox").write_bytes(b"busybox")
    monkeypatch.setattr("magnum.drivers.local.rootfs.find", lambda _image, _cache: root)
    context = Context()
    binds = {str(bind.target): bind.source for bind in machines.plan().binds(context, context.nodes[0])}
    assert binds.keys() == {"/opt/kubernetes/bin", "/opt/kubernetes/images", "/dev/kmsg"}
    assert binds["/opt/kubernetes/bin"] == programs.binaries_dir / DEFAULT_TAG
    assert (binds["/opt/kubernetes/images"] / "pause.tar").is_file()
    assert binds["/dev/kmsg"] == Path("/dev/kmsg")


def test_a_machine_sees_the_operators_images_and_watches_them(machines, programs, monkeypatch, tmp_path):
    assert not machines.cluster(Context()).watches_images
    folder = tmp_path / "images"
    machines = KubernetesMachines(machines._host, programs, None, folder)
    assert machines.cluster(Context()).watches_images
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin/busybox").write_bytes(b"busybox")
    monkeypatch.setattr("magnum.drivers.local.rootfs.find", lambda _image, _cache: root)
    context = Context()
    with pytest.raises(Fatal, match=r"images_dir is .*/images, which is no folder of this host"):
        machines.plan().binds(context, context.nodes[0])
    folder.mkdir()
    binds = {str(bind.target): bind.source for bind in machines.plan().binds(context, context.nodes[0])}
    assert binds["/opt/kubernetes/own-images"] == folder


class Local:
    def __init__(self):
        self.helpers = []

    def ensure_helper(self, _context, helper):
        self.helpers.append(helper)


def test_there_is_a_load_balancer_where_there_should_be_one_and_it_follows_its_members(machines):
    local = Local()
    balancer = LoadBalancer(machines, local)
    member = Member("web-master-1", IPv4Address("10.77.5.10"))
    balancer.ensure(Context(), [member])
    assert local.helpers == []
    context = Context(masters=3, balanced=True)
    balancer.ensure(context, [member])
    balancer.ensure(context, [member, Member("web-master-2", IPv4Address("10.77.5.11"))])
    first, second = local.helpers
    assert first.address == IPv4Address("10.77.5.2")
    assert "-api-1" in first.name
    assert TOKEN not in first.user_data
    assert msgspec.structs.replace(second, shared=first.shared) == first
    assert b"web-master-2" in second.shared[CONFIGURATION]
    assert b"web-master-2" not in first.shared[CONFIGURATION]
