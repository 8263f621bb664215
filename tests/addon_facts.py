"""Clusters as add-ons see them."""

import ipaddress

from magnum.addons.rendering import ClusterFacts


def cluster_facts(minor: int = 28, network_driver: str = "calico", **labels: str) -> ClusterFacts:
    return ClusterFacts(
        version=(1, minor),
        network_driver=network_driver,
        pods=ipaddress.IPv4Network("10.100.0.0/16"),
        services=ipaddress.IPv4Network("10.254.0.0/16"),
        dns_domain="cluster.local",
        labels=labels,
    )
