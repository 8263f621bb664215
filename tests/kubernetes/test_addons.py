"""Add-ons, on a real API server: every object is accepted, and is brought and taken away by our own name."""

import pytest
from addon_facts import CLOUD, cluster_facts

from magnum.addons.rendering import MARK, wanted
from magnum.coe.addons import RECORD, calls, pending, rollout
from magnum.coe.kubernetes_values import ObjectName

OBJECTS = {
    str(ObjectName.of(manifest)): manifest
    for network_driver in ("flannel", "calico")
    for addon in wanted(cluster_facts(20, network_driver, cloud=CLOUD, admission_control_list="PodSecurityPolicy"))
    for manifest in addon.objects
}


@pytest.mark.parametrize("manifest", OBJECTS.values(), ids=OBJECTS)
def test_the_server_accepts_every_object(client, manifest):
    client.apply(manifest, dry_run=True)
    assert client.get(ObjectName.of(manifest)) is None


def bring(client, addons):
    for change in pending(client, addons):
        for _, call in calls(client, change, addons):
            call()


def test_addons_are_brought_kept_and_taken_away(client):
    addons = wanted(cluster_facts(20, "flannel"))
    assert len(pending(client, addons)) == 3
    bring(client, addons)
    assert pending(client, addons) == []
    for addon in addons:
        for manifest in addon.objects:
            assert client.get(ObjectName.of(manifest))["metadata"]["labels"].items() >= MARK.items()
    told = rollout(client, addons[1])
    assert (told.complete, "Deployment kube-system/coredns has 0 of 1 pods" in told.text) == (False, True)
    bring(client, wanted(cluster_facts(20, "flannel", coredns_tag="1.8.0")))
    deployment = client.get(ObjectName("apps/v1", "Deployment", "coredns", "kube-system"))
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "docker.io/coredns/coredns:1.8.0"
    bring(client, [])
    for addon in addons:
        for manifest in addon.objects:
            left = client.get(ObjectName.of(manifest))
            assert left is None or "deletionTimestamp" in left["metadata"]
    assert "data" not in client.get(RECORD)
