import base64
import functools
import json
import re

import kubernetes_validate
import msgspec
import pytest
from addon_facts import CLOUD, cluster_facts
from kubernetes_validate import utils as schemas

from magnum.addons.cloud import configuration
from magnum.addons.descriptions import FOLDER, descriptions
from magnum.addons.rendering import MARK, bill, honoured_labels, wanted
from magnum.coe.kubernetes_values import ObjectName
from magnum.model.label_registry import REGISTRY, problems

MINORS = range(25, 38)
NETWORKS = ("flannel", "calico", "bridge")
_REGISTRY_NAME = re.compile(r"[a-z0-9.-]+\.[a-z]{2,}(?::[0-9]+)?/[a-z0-9._/-]+:[A-Za-z0-9._-]+")


def objects(facts):
    return [one for addon in wanted(facts) for one in addon.objects]


def images_in(tree):
    """Give what any `image` in it names, and whatever else looks like an image in a registry."""
    if isinstance(tree, dict):
        named = {tree["image"]} if isinstance(tree.get("image"), str) else set()
        return named.union(*map(images_in, tree.values()))
    if isinstance(tree, list | tuple):
        return set().union(*map(images_in, tree))
    return set(_REGISTRY_NAME.findall(tree)) if isinstance(tree, str) else set()


@pytest.fixture(scope="module")
def _schemas_are_read_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schemas, "schema_contents", functools.cache(schemas.schema_contents))
        yield


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.usefixtures("_schemas_are_read_once")
def test_the_schemas_of_newer_versions_accept_every_object(minor):
    clusters = [cluster_facts(minor, network, cloud=CLOUD) for network in NETWORKS]
    every = {str(ObjectName.of(one)): one for cluster in clusters for one in objects(cluster)}
    for manifest in every.values():
        kubernetes_validate.validate(manifest, f"1.{minor}", strict=True)


def test_the_schemas_do_find_what_is_wrong():
    """Else the test above would prove nothing."""
    workload = next(one for one in objects(cluster_facts()) if one["kind"] == "DaemonSet")
    spoilt = json.loads(json.dumps(workload))
    spoilt["spec"]["template"]["spec"]["hostNetwork"] = "yes"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(spoilt, "1.28", strict=True)


SINCE_1_20 = {
    *(("v1", kind) for kind in ("ConfigMap", "Secret", "Service", "ServiceAccount")),
    *(("apps/v1", kind) for kind in ("DaemonSet", "Deployment")),
    *(("rbac.authorization.k8s.io/v1", kind) for kind in ("ClusterRole", "ClusterRoleBinding", "RoleBinding", "Role")),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("storage.k8s.io/v1", "CSIDriver"),
}
LIVES = {
    ("policy/v1beta1", "PodDisruptionBudget"): range(20, 25),
    ("policy/v1", "PodDisruptionBudget"): range(21, 100),
    ("policy/v1beta1", "PodSecurityPolicy"): range(20, 25),
}
"""From which minor version on, and until which, an API is served that is not in all of them."""


@pytest.mark.parametrize("minor", range(20, 38))
@pytest.mark.parametrize("network", NETWORKS)
def test_every_object_is_of_an_api_that_its_version_serves(network, minor):
    """Also in those versions that there are no schemas of."""
    facts = cluster_facts(minor, network, cloud=CLOUD, admission_control_list="PodSecurityPolicy")
    for one in objects(facts):
        api = (one["apiVersion"], one["kind"])
        assert api in SINCE_1_20 or minor in LIVES[api], api


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("minor", [20, 21, 25, 28, 37])
@pytest.mark.parametrize("prefix", ["", "registry.example.com:5000/mirror/"])
def test_nothing_is_pulled_that_is_not_on_the_bill(network, minor, prefix):
    cluster = cluster_facts(minor, network, cloud=CLOUD, container_infra_prefix=prefix)
    billed = bill(cluster)
    assert images_in(objects(cluster)) == set(billed)
    assert len(billed) == len(set(billed)) == len({name.rpartition("/")[2] for name in billed})
    assert all(name.startswith(prefix or ("docker.io/", "quay.io/", "registry.k8s.io/")) for name in billed)


@pytest.mark.parametrize(("network", "own"), [("flannel", ["flannel"]), ("calico", ["calico"]), ("bridge", [])])
def test_the_network_comes_first(network, own):
    assert [addon.name for addon in wanted(cluster_facts(network_driver=network))] == [
        *own,
        "coredns",
        "metrics_server",
    ]


def test_a_label_switches_an_addon_off():
    assert [addon.name for addon in wanted(cluster_facts(20, "bridge", metrics_server_enabled="False"))] == ["coredns"]


def test_what_lets_the_network_in_comes_before_it_while_there_is_such_a_thing():
    for minor, first in (
        (20, ["pod_security_policy", "flannel"]),
        (24, ["pod_security_policy", "flannel"]),
        (25, ["flannel"]),
    ):
        addons = wanted(cluster_facts(minor, "flannel", admission_control_list="LimitRanger,PodSecurityPolicy"))
        assert [addon.name for addon in addons if addon.before_nodes] == first
        assert [addon.name for addon in addons[: len(first)]] == first
    assert "pod_security_policy" not in [addon.name for addon in wanted(cluster_facts(20, "flannel"))]


def test_a_label_says_another_tag():
    billed = bill(cluster_facts(network_driver="calico", calico_tag="v9.9.9", coredns_tag="9.9.8"))
    assert sum(name.endswith(":v9.9.9") for name in billed) == 3
    assert "docker.io/coredns/coredns:9.9.8" in billed


@pytest.mark.parametrize(("minor", "tag"), [(20, "1.7.0"), (24, "1.8.6"), (28, "1.10.1"), (99, "1.12.1")])
def test_versions_go_with_the_version_of_kubernetes(minor, tag):
    assert f"docker.io/coredns/coredns:{tag}" in bill(cluster_facts(minor, "bridge"))


def test_values_reach_their_places():
    by_name = {str(ObjectName.of(one)): one for one in objects(cluster_facts(network_driver="flannel"))}
    assert by_name["Service kube-system/kube-dns"]["spec"]["clusterIP"] == "10.254.0.10"
    assert "kubernetes cluster.local in-addr.arpa" in by_name["ConfigMap kube-system/coredns"]["data"]["Corefile"]
    network = json.loads(by_name["ConfigMap kube-system/flannel"]["data"]["net-conf.json"])
    assert network == {"Network": "10.100.0.0/16", "Backend": {"Type": "vxlan"}}


@pytest.mark.parametrize(("label", "value"), [({}, "Never"), ({"calico_ipv4pool_ipip": "Always"}, "Always")])
def test_values_are_translated(label, value):
    (node,) = [one for one in objects(cluster_facts(**label)) if one["kind"] == "DaemonSet"]
    environment = node["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "CALICO_IPV4POOL_IPIP", "value": value} in environment


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ({"flannel_backend": "udp"}, "The label flannel_backend must not be udp: flannel cannot be run so here"),
        ({"flannel_backend": "pigeon"}, "The label flannel_backend must be one of"),
        ({"coredns_tag": "1.7.0\nevil"}, "The label coredns_tag must be"),
        ({"container_infra_prefix": "evil"}, "The label container_infra_prefix must be"),
    ],
)
def test_a_bad_label_of_an_adopted_row_is_told(label, sentence):
    with pytest.raises(ValueError, match=sentence):
        wanted(cluster_facts(20, "flannel", **label))


def test_all_that_is_brought_is_marked_and_named_once():
    for network in NETWORKS:
        made = objects(cluster_facts(20, network, cloud=CLOUD))
        names = [str(ObjectName.of(one)) for one in made]
        assert len(names) == len(set(names))
        assert all(one["metadata"]["labels"].items() >= MARK.items() for one in made)


def test_no_manifest_lies_about_unused():
    listed = {FOLDER / name / manifest.file for name, about in descriptions().items() for manifest in about.manifests}
    assert listed == set(FOLDER.glob("*/*.yaml"))


def test_the_labels_that_steer_addons_are_known_and_their_defaults_are_good():
    honoured = dict(honoured_labels(*NETWORKS, on_cloud=True))
    assert honoured.keys() <= REGISTRY.keys()
    assert problems(honoured) == []
    assert honoured_labels("bridge").keys() == {"container_infra_prefix", "coredns_tag", "metrics_server_enabled"}
    assert {"cloud_provider_enabled", "cloud_provider_tag"} <= honoured.keys()
    assert {"container_infra_prefix", "coredns_tag", "calico_tag", "metrics_server_enabled"} <= honoured.keys()


def test_what_works_with_the_cloud_is_for_clusters_on_one_that_want_it():
    def names(**more):
        return [addon.name for addon in wanted(cluster_facts(28, "flannel", **more))]

    assert not {"cloud_controller_manager", "cinder_csi"} & {*names()}
    assert names(cloud=CLOUD)[0] == "cloud_controller_manager"
    assert "cinder_csi" in names(cloud=CLOUD)
    assert "cinder_csi" not in names(cloud=CLOUD, cinder_csi_enabled="false")
    assert "cinder_csi" not in names(cloud=msgspec.structs.replace(CLOUD, volume_driver=""))
    assert "cloud_controller_manager" not in names(cloud=CLOUD, cloud_provider_enabled="false")


def test_it_is_told_as_whom_it_speaks_in_a_secret_and_nowhere_else():
    with_cloud = objects(cluster_facts(28, "flannel", cloud=CLOUD))
    secrets = [one for one in with_cloud if one["kind"] == "Secret"]
    secret, of_volumes = secrets
    assert secret["data"] == of_volumes["data"]
    told = base64.b64decode(secret["data"]["cloud.conf"]).decode()
    assert 'password = "a\\"secret\\\\"\n' in told
    assert 'ca-file = "/etc/config/ca.pem"\n' in told
    assert base64.b64decode(secret["data"]["ca.pem"]).decode() == CLOUD.ca
    rest = [one for one in with_cloud if one not in secrets]
    assert CLOUD.trust_id not in json.dumps(rest)
    assert CLOUD.password not in repr(CLOUD) + repr(cluster_facts(cloud=CLOUD))


def test_what_is_not_known_of_the_cloud_is_not_said():
    told = configuration(msgspec.structs.replace(CLOUD, ca="", network="", subnet_id="", floating_network_id=""))
    assert not re.search('ca-file|internal-network|subnet|floating|= ""', told)
    with pytest.raises(ValueError, match="more than one line"):
        configuration(msgspec.structs.replace(CLOUD, region="one\n[Global]"))
