"""Clusters as add-ons see them."""

import ipaddress

from magnum.addons.cloud import CloudFacts
from magnum.addons.rendering import ClusterFacts

CLOUD = CloudFacts(
    cluster_uuid="5d12f6fd-a196-4bf0-ae4c-1f639a523a52",
    auth_url="https://identity.example.org/v3",
    region="RegionOne",
    user_id="0f6c4bb1",
    password='a"secret\\',
    trust_id="9d8e",
    ca="-----BEGIN CERTIFICATE-----\n",
    network="private",
    volume_driver="cinder",
    subnet_id="c1",
    floating_network_id="f1",
)


def cluster_facts(
    minor: int = 28, network_driver: str = "calico", *, cloud: CloudFacts | None = None, **labels: str
) -> ClusterFacts:
    return ClusterFacts(
        version=(1, minor),
        network_driver=network_driver,
        pods=ipaddress.IPv4Network("10.100.0.0/16"),
        services=ipaddress.IPv4Network("10.254.0.0/16"),
        dns_domain="cluster.local",
        labels=labels,
        cloud=cloud,
    )
