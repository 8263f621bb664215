"""[cluster], and [cluster_heat], which is read from older files only."""

from pathlib import Path
from typing import Annotated

import msgspec

from .options import Option


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    etcd_discovery_service_endpoint_format: Annotated[
        str,
        Option(
            "Where a discovery URL is requested for clusters that bring none.",
            old=("bay", "etcd_discovery_service_endpoint_format"),
        ),
    ] = "https://discovery.etcd.io/new?size=%(size)d"
    nodes_affinity_policy: Annotated[
        str,
        Option(
            "How the servers of a cluster are spread over hosts.",
            choices=("soft-anti-affinity", "anti-affinity", "soft-affinity", "affinity"),
        ),
    ] = "soft-anti-affinity"
    temp_cache_dir: Annotated[
        Path, Option("Directory in which client certificates were cached.", unused="Certificates are held in memory.")
    ] = Path("/var/lib/magnum/certificate-cache")
    pre_delete_lb_timeout: Annotated[
        int, Option("Seconds to wait for a cluster's load balancers to go before it is deleted.", minimum=0)
    ] = 60
    enabled_definitions: Annotated[
        tuple[str, ...],
        Option("Kinds of clusters.", old=("bay", "enabled_definitions"), unused="See [drivers]/disabled_drivers."),
    ] = (
        "magnum_vm_atomic_k8s",
        "magnum_bm_fedora_k8s",
        "magnum_vm_coreos_k8s",
        "magnum_vm_atomic_swarm",
        "magnum_vm_ubuntu_mesos",
    )


class ClusterHeat(msgspec.Struct, frozen=True, kw_only=True):
    max_attempts: Annotated[
        int,
        Option("Polls of a stack before it is given up.", old=("bay_heat", "max_attempts"), unused="Deadlines rule."),
    ] = 2000
    wait_interval: Annotated[
        int, Option("Seconds between polls.", old=("bay_heat", "wait_interval"), unused="Each step says its own pace.")
    ] = 1
    create_timeout: Annotated[
        int,
        Option("Minutes that a creation may take.", old=("bay_heat", "bay_create_timeout"), unused="See --timeout."),
    ] = 60
