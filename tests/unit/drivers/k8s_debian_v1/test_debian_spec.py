import subprocess
import sys

import msgspec
import pytest

from magnum.drivers.base import ClusterRequest, GroupChange
from magnum.drivers.k8s_debian_v1.spec import SPEC
from magnum.model import label_registry
from magnum.model.clustertemplates import ClusterTemplate

TEMPLATE = ClusterTemplate(
    uuid="952f3c65-de53-480f-a445-1a0c69d6f56c",
    name="k",
    project_id="p",
    user_id="u",
    coe="kubernetes",
    image_id="debian-12",
    cluster_distro="debian",
    external_network_id="public",
)


def request(labels=(), master_count=1, **changes):
    template = msgspec.structs.replace(TEMPLATE, **changes)
    return ClusterRequest(
        template=template, labels=dict(labels), master_count=master_count, node_count=1, master_lb_enabled=False
    )


def test_it_makes_kubernetes_on_debian_and_ubuntu():
    assert {kind.os for kind in SPEC.provides} == {"debian", "ubuntu"}
    assert SPEC.problems(request()) == ()
    assert SPEC.problems(request(network_driver="calico", master_count=3)) == ()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("master_count", {"master_count": 2}),
        ("network_driver", {"network_driver": "bridge"}),
        ("external_network_id", {"external_network_id": None}),
        ("tls_disabled", {"tls_disabled": True}),
        ("registry_enabled", {"registry_enabled": True}),
        ("volume_driver", {"volume_driver": "cinder"}),
        ("labels", {"labels": {"kube_tag": "latest"}}),
    ],
)
def test_what_is_not_possible_is_refused_by_field(field, changes):
    assert [problem.field for problem in SPEC.problems(request(**changes))] == [field]


def test_its_labels_are_known_and_their_defaults_good():
    assert label_registry.problems(dict(SPEC.labels)) == []
    assert set(SPEC.labels) <= set(label_registry.REGISTRY)


def test_the_api_needs_nothing_of_the_other_half():
    program = "import sys, magnum.drivers.k8s_debian_v1.spec as _; sys.exit('keystoneauth1' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_what_servers_get_from_elsewhere():
    bill = SPEC.bill(msgspec.structs.replace(TEMPLATE, labels={"container_infra_prefix": "r:5000/"}))
    assert "r:5000/pause:3.2" in bill.images
    assert "https://dl.k8s.io/v1.20.2/bin/linux/amd64/kubelet.sha256" in bill.files


def changes(before, after):
    groups = [GroupChange(name="default-master", role="master", before=before, after=after)]
    return [problem.field for problem in SPEC.change_problems(request(before), request(after), groups)]


def test_an_upgrade_changes_neither_volumes_nor_networks():
    assert changes({}, {"kube_tag": "v1.21.0"}) == []
    for name, value in (("etcd_volume_size", "20"), ("fixed_subnet_cidr", "10.1.0.0/24"), ("boot_volume_type", "fast")):
        assert changes({}, {name: value}) == [name]


def test_masters_without_a_volume_for_etcd_are_not_made_anew():
    bare = {"etcd_volume_size": "0"}
    assert changes(bare, bare | {"kube_tag": "v1.21.0"}) == ["etcd_volume_size"]
    assert changes(bare, bare) == []
