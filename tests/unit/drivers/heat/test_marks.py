"""What is taken for a cluster's own, and what only looks like it."""

import pytest

from magnum.drivers.heat.marks import CSI_CLUSTER, Marks
from magnum.openstack.floating_addresses import FloatingAddress
from magnum.openstack.load_balancers import LoadBalancer
from magnum.openstack.volumes import Volume

UUID = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
MARKS = Marks(UUID)


@pytest.mark.parametrize(
    ("description", "is_ours"),
    [
        (f"Kubernetes external service default/web from cluster {UUID}", True),
        (f"Kubernetes Ingress web in namespace default from cluster {UUID}", True),
        (f"Kubernetes external service default/web from cluster {UUID}, see the wiki", True),
        (f"Kubernetes external service default/web from cluster {OTHER}", False),
        (f"Kubernetes external service default/web from cluster {UUID}-2", False),
        (f"Kubernetes external service default/web from cluster {UUID}0", False),
        (f"Kubernetes from cluster {UUID}", False),
        (f"Not of Kubernetes external service default/web from cluster {UUID}", False),
        (f"In front of {UUID}", False),
        (UUID, False),
        ("", False),
        (None, False),
    ],
)
def test_a_load_balancer_is_told_by_its_description(description, is_ours):
    balancer = LoadBalancer(id="1", project_id="p", status="ACTIVE", description=description)
    assert MARKS.are_on_balancer(balancer) is is_ours


OURS = f"Floating IP for Kubernetes external service default/web from cluster {UUID}"


@pytest.mark.parametrize(
    ("description", "port", "is_ours"),
    [
        (OURS, "vip", True),
        (OURS, None, True),
        (OURS, "of somebody's server", False),
        (f"{OURS} once", "vip", False),
        (f"Kubernetes external service default/web from cluster {UUID}", "vip", False),
        (f"Floating IP for Kubernetes external service default/web from cluster {OTHER}", "vip", False),
        ("", "vip", False),
        (None, None, False),
    ],
)
def test_a_floating_address_is_told_by_its_description_and_where_it_leads(description, port, is_ours):
    address = FloatingAddress(id="1", address="192.0.2.1", project_id="p", port_id=port, description=description)
    assert MARKS.are_on_address(address, {"vip"}) is is_ours


@pytest.mark.parametrize(
    ("name", "metadata", "is_ours"),
    [
        ("pvc-7", {CSI_CLUSTER: UUID}, True),
        (f"{UUID}-dynamic-pvc-7", {}, True),
        ("pvc-7", {CSI_CLUSTER: OTHER}, False),
        ("pvc-7", {CSI_CLUSTER: "kubernetes"}, False),
        ("pvc-7", {}, False),
        (f"{OTHER}-dynamic-pvc-7", {}, False),
        (f"backup of {UUID}-dynamic-pvc-7", {"cluster": UUID}, False),
        (UUID, {}, False),
        (None, {}, False),
    ],
)
def test_a_volume_is_told_by_its_metadata_or_its_name(name, metadata, is_ours):
    volume = Volume(id="1", project_id="p", status="available", size=1, name=name, metadata=metadata)
    assert MARKS.are_on_volume(volume) is is_ours
