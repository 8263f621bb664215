import subprocess
import sys

import msgspec
import pytest

from magnum.drivers.base import ClusterRequest, GroupChange
from magnum.drivers.k8s_fedora_coreos_v1.driver import SYSTEM
from magnum.drivers.k8s_fedora_coreos_v1.spec import SPEC
from magnum.model import label_registry
from magnum.model.clustertemplates import ClusterTemplate
from magnum.nodes.ignition import Ignition
from magnum.nodes.kubernetes.images import Archive

TAG = {"kube_tag": "v1.23.3-rancher1"}
MIRROR = {"container_infra_prefix": "203.0.113.5:5000/magnum/"}
TEMPLATE = ClusterTemplate(
    uuid="952f3c65-de53-480f-a445-1a0c69d6f56c",
    name="k",
    project_id="p",
    user_id="u",
    coe="kubernetes",
    image_id="fedora-coreos-41",
    cluster_distro="fedora-coreos",
    external_network_id="public",
)


def request(labels, **changes):
    template = msgspec.structs.replace(TEMPLATE, **changes)
    return ClusterRequest(template=template, labels=labels, master_count=1, node_count=1, master_lb_enabled=False)


@pytest.mark.parametrize("labels", [TAG, MIRROR, MIRROR | {"kube_tag": "v1.34.1"}, {"hyperkube_prefix": "quay.io/a/"}])
def test_it_makes_kubernetes_of_images_that_are_there(labels):
    assert [kind.os for kind in SPEC.provides] == ["fedora-coreos"]
    assert SPEC.problems(request(labels)) == ()


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ({}, "docker.io/rancher/hyperkube:v1.20.2 is not published"),
        ({"kube_tag": "v1.34.1"}, "nobody publishes an image of the kubelet"),
        (TAG | {"containerd_version": "1.6.8"}, "containerd_version needs containerd_tarball_sha256"),
    ],
)
def test_images_that_nobody_publishes_are_told_before_anything_is_made(labels, complaint):
    [problem] = SPEC.problems(request(labels))
    assert (problem.field, complaint in problem.text) == ("labels", True)


def test_what_no_system_can_do_is_refused_as_with_others():
    assert [problem.field for problem in SPEC.problems(request({}, tls_disabled=True))] == ["tls_disabled"]


def test_an_upgrade_to_a_version_without_images_is_refused():
    group = GroupChange(name="default-worker", role="worker", before=TAG, after={"kube_tag": "v1.24.1"})
    problems = SPEC.change_problems(request(TAG), request({"kube_tag": "v1.24.1"}), [group])
    assert ["is not published" in problem.text for problem in problems] == [True]


def test_its_labels_are_known_and_their_defaults_good():
    assert label_registry.problems(dict(SPEC.labels)) == []
    assert set(SPEC.labels) <= set(label_registry.REGISTRY)


def test_the_api_needs_nothing_of_the_other_half():
    program = "import sys, magnum.drivers.k8s_fedora_coreos_v1.spec as _; sys.exit('keystoneauth1' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_what_servers_get_from_elsewhere():
    bill = SPEC.bill(msgspec.structs.replace(TEMPLATE, labels=dict(MIRROR)))
    assert {
        f"{MIRROR['container_infra_prefix']}{image}" for image in ("hyperkube:v1.20.2", "etcd:v3.4.6", "pause:3.2")
    } <= {*bill.images}
    assert bill.files == (
        "https://github.com/containerd/containerd/releases/download/v1.4.4/cri-containerd-cni-1.4.4-linux-amd64.tar.gz",
    )


def test_labels_say_what_the_system_is_told():
    own = {
        "containerd_tarball_url": "https://mirror/c.tgz",
        "containerd_tarball_sha256": "a" * 64,
        "etcd_tag": "v3.5.9",
    }
    assert SYSTEM.images is not None
    images = SYSTEM.images(own)
    assert (images.etcd_tag, images.containerd) == ("v3.5.9", Archive("https://mirror/c.tgz", "a" * 64))
    assert SYSTEM.form({"selinux_mode": "permissive"}) == Ignition(selinux="permissive")
    assert SYSTEM.form({}) == Ignition()
