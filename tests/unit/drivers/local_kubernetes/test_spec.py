import re

import msgspec
import pytest

from magnum.drivers.base import ClusterRequest, GroupChange
from magnum.drivers.kubernetes.values import read_addons, read_values
from magnum.drivers.local_kubernetes.spec import SPEC
from magnum.model.clustertemplates import ClusterTemplate

TEMPLATE = ClusterTemplate(
    uuid="952f3c65-de53-480f-a445-1a0c69d6f56c",
    name="k",
    project_id="p",
    user_id="u",
    coe="kubernetes",
    image_id="debian-12",
    cluster_distro="debian",
    network_driver="bridge",
)


def problems(labels=(), master_count=1, **changes):
    template = msgspec.structs.replace(TEMPLATE, **changes)
    request = ClusterRequest(
        template=template, labels=dict(labels), master_count=master_count, node_count=1, master_lb_enabled=False
    )
    return [(problem.field, problem.text) for problem in SPEC.problems(request)]


def test_what_a_cluster_gets_from_elsewhere():
    template = msgspec.structs.replace(TEMPLATE, labels={"kube_tag": "v1.31.2", "container_infra_prefix": "r:5000/"})
    bill = SPEC.bill(template)
    assert bill.images == (
        "r:5000/cluster-proportional-autoscaler:v1.8.9",
        "r:5000/coredns:1.11.3",
        "r:5000/metrics-server:v0.8.0",
    )
    assert len(bill.files) == 10
    program = re.compile(r"https://dl.k8s.io/v1.31.2/bin/linux/[a-z0-9]+/kube[a-z-]*(.sha256)?")
    assert all(map(program.fullmatch, bill.files))


@pytest.mark.parametrize(("network_driver", "own"), [("flannel", 2), (None, 2), ("calico", 3), ("bridge", 0)])
def test_a_network_is_on_the_bill(network_driver, own):
    images = SPEC.bill(msgspec.structs.replace(TEMPLATE, network_driver=network_driver)).images
    assert sum("flannel" in image or "calico" in image for image in images) == own


@pytest.mark.parametrize(("network_driver", "pods"), [("calico", "10.101.0.0/16"), ("flannel", "10.102.0.0/16")])
def test_each_network_has_its_own_label_for_the_addresses_of_pods(network_driver, pods):
    labels = {"calico_ipv4pool": "10.101.0.0/16", "flannel_network_cidr": "10.102.0.0/16"}
    template = msgspec.structs.replace(TEMPLATE, network_driver=network_driver)
    assert str(read_values(template, labels).pods) == pods
    assert str(read_addons(template, labels).pods) == pods


def test_what_can_be_made_is_fine():
    assert problems() == []
    assert problems({"kube_tag": "v1.31.2", "kubelet_options": "--v=3", "of": "nobody"}) == []
    assert problems(master_count=3) == []
    assert (
        problems(insecure_registry="10.0.0.1:5000,registry", http_proxy="http://proxy:3128", no_proxy="10.0.0.1") == []
    )
    for network_driver in (None, "flannel", "calico"):
        assert problems(network_driver=network_driver) == []
    assert problems({"service_cluster_ip_range": "172.20.0.0/20", "flannel_network_cidr": "172.30.0.0/16"}) == []


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"master_count": 2}, "master_count", "1, 3 or 5 masters"),
        ({"master_count": 7}, "master_count", "1, 3 or 5 masters"),
        ({"tls_disabled": True}, "tls_disabled", "TLS"),
        (
            {"network_driver": "cilium"},
            "network_driver",
            "cilium is not available on machines of this host; use bridge",
        ),
        ({"docker_storage_driver": "devicemapper"}, "docker_storage_driver", "use overlay2"),
        ({"volume_driver": "cinder"}, "volume_driver", "not available"),
        ({"registry_enabled": True}, "registry_enabled", "no object store"),
        ({"insecure_registry": "10.0.0.1:5000, 10.0.0.0/8"}, "insecure_registry", "10.0.0.0/8, which is no registry"),
        ({"insecure_registry": "a\nb"}, "insecure_registry", "does not have the form"),
        ({"https_proxy": "proxy:3128"}, "https_proxy", "must be an http or https URL"),
        ({"no_proxy": "a b"}, "no_proxy", "does not have the form"),
        ({"labels": {"kube_tag": "latest"}}, "labels", "no version of Kubernetes"),
        ({"labels": {"kube_tag": "v1.18.2"}}, "labels", "older than v1.20"),
        ({"labels": {"kubeapi_options": "--v=$HOME"}}, "labels", "options of apiserver"),
        ({"labels": {"flannel_network_cidr": "here"}}, "labels", "flannel_network_cidr: 'here' is no network"),
        ({"labels": {"service_cluster_ip_range": "10.254.0.1/16"}}, "labels", "service_cluster_ip_range"),
        ({"labels": {"service_cluster_ip_range": "10.254.0.0/30"}}, "labels", "too small"),
        ({"labels": {"service_cluster_ip_range": "10.100.0.0/24"}}, "labels", "overlap"),
        ({"labels": {"flannel_network_cidr": "10.0.0.0/24"}}, "labels", "too small for pods"),
        (
            {"network_driver": "flannel", "labels": {"flannel_network_subnetlen": "30"}},
            "labels",
            "networks with a prefix of 30 bits",
        ),
        ({"network_driver": "flannel", "labels": {"flannel_backend": "udp"}}, "labels", "must not be udp"),
        (
            {"network_driver": "calico", "labels": {"calico_ipv4pool": "10.254.0.0/16"}},
            "labels",
            "10.254.0.0/16 and 10.254.0.0/16 overlap",
        ),
    ],
)
def test_what_cannot_be_made_is_refused_when_it_is_asked_for(changes, field, words):
    [(found, text)] = problems(**changes)
    assert found == field
    assert words in text


def refusals(masters, workers=None, others=None, **changes):
    """Give what is said of an upgrade: each group is (before, after), the second like the first unless it is said."""
    pairs = {"default-master": masters, "default-worker": workers or masters, "gpu": others or (masters[0], masters[0])}
    labels = [{"kube_tag": tag} if tag else {} for tag in masters]
    current, wanted = (
        ClusterRequest(template=template, labels=own | more, master_count=1, node_count=1, master_lb_enabled=False)
        for template, own, more in (
            (TEMPLATE, labels[0], {}),
            (msgspec.structs.replace(TEMPLATE, **changes.pop("template", {})), labels[1], changes),
        )
    )
    groups = [
        GroupChange(
            name=name,
            role="master" if name == "default-master" else "worker",
            **{when: {"kube_tag": tag} if tag else {} for when, tag in zip(("before", "after"), pair, strict=True)},
        )
        for name, pair in pairs.items()
    ]
    return [(problem.field, problem.text) for problem in SPEC.change_problems(current, wanted, groups)]


@pytest.mark.parametrize(
    ("masters", "others"),
    [
        (("v1.20.2", "v1.21.0"), None),
        ((None, "v1.21.0"), None),  # from the default, v1.20.2
        (("v1.30.1", "v1.30.9"), None),
        (("v1.30.1", "v1.30.1"), None),
        (("v1.21.0", "v1.22.3"), ("v1.20.2", "v1.20.2")),
        (("v1.27.0", "v1.28.0"), ("v1.25.4", "v1.25.4")),
        (("v1.22.3", "v1.22.3"), ("v1.20.2", "v1.22.3")),  # nodes that are made anew may skip a version
    ],
)
def test_an_upgrade_that_kubernetes_allows(masters, others):
    assert refusals(masters, others=others) == []


@pytest.mark.parametrize(
    ("masters", "others", "sentence"),
    [
        (("v1.21.0", "v1.20.2"), ("v1.20.2", "v1.20.2"), r"cannot be downgraded: default-master is of v1\.21\.0"),
        (("v1.21.3", "v1.21.2"), None, r"downgraded: default-worker is of v1\.21\.3, and v1\.21\.2 is asked"),
        (("v1.20.2", "v1.22.0"), ("v1.22.0", "v1.22.0"), r"Masters cannot skip a minor.*Upgrade to v1\.21 first"),
        (("v1.22.0", "v1.23.0"), ("v1.20.2", "v1.20.2"), r"2 minor versions older.*gpu would be of v1\.20\.2 with"),
        (("v1.28.0", "v1.29.0"), ("v1.25.4", "v1.25.4"), r"3 minor versions older.*gpu would be of v1\.25\.4 with"),
        (("v1.21.0", "v1.21.0"), ("v1.22.0", "v1.22.0"), r"newer than the masters: gpu would be of v1\.22\.0 with"),
    ],
)
def test_what_kubernetes_does_not_allow_is_refused(masters, others, sentence):
    found = refusals(masters, others=others)
    assert {field for field, _ in found} == {"kube_tag"}
    assert any(re.search(sentence, text) for _, text in found), found


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"service_cluster_ip_range": "172.20.0.0/20"}, "service_cluster_ip_range", "10.254.0.0/16 and cannot become"),
        ({"flannel_network_cidr": "172.20.0.0/16"}, "the addresses of pods", "cannot become 172.20.0.0/16"),
        ({"dns_cluster_domain": "other.local"}, "dns_cluster_domain", "cluster.local and cannot"),
        ({"template": {"apiserver_port": 8443}}, "apiserver_port", "6443 and cannot become 8443"),
        ({"template": {"network_driver": "calico"}}, "network_driver", "bridge and cannot become calico"),
    ],
)
def test_what_all_nodes_have_to_agree_on_stays(changes, field, words):
    ((at, text),) = refusals(("v1.20.2", "v1.21.0"), **changes)
    assert (at, words in text) == (field, True), text


def test_a_version_that_an_adopted_row_may_hold_is_told():
    ((field, text),) = refusals(("latest", "v1.21.0"))
    assert (field, "'latest' is no version" in text) == ("labels", True)
