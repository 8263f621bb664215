"""What is wrong with a cluster of Kubernetes on servers that is asked for, whatever their system. Pure."""

from collections.abc import Iterator

from magnum.drivers.base import ClusterRequest, Problem
from magnum.drivers.kubernetes import requests
from magnum.nodes.kubernetes.cluster import NetworkDriver

NETWORK_DRIVERS = (NetworkDriver.FLANNEL, NetworkDriver.CALICO)


def problems(request: ClusterRequest) -> Iterator[Problem]:
    template = request.template
    if template.tls_disabled:
        yield Problem("tls_disabled", "This driver makes no clusters without TLS; use a template with TLS enabled.")
    if not template.external_network_id:
        yield Problem("external_network_id", "The cluster's router needs an external network; name one.")
    if template.registry_enabled:
        yield Problem("registry_enabled", "This driver runs no registry on its nodes.")
    if template.volume_driver is not None:
        yield Problem("volume_driver", f"{template.volume_driver} is not available with this driver yet.")
    yield from requests.problems(request, NETWORK_DRIVERS, "on servers")
