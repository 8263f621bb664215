"""Which versions go with which, and what of a cluster cannot change. Pure.

API servers go up one minor version at a time and never down; a kubelet is never newer than they are, and not much
older. What all nodes have to agree on, or cannot be told anew, stays as it was made.
"""

from collections.abc import Iterator, Sequence

from magnum.drivers.base import ClusterRequest, GroupChange, Problem
from magnum.model.nodegroups import MASTER
from magnum.nodes.kubernetes.versions import OLDER_KUBELETS, Version

from .names import DEFAULT_TAG
from .values import VERSION_LABEL, read_values

_FOR_LIFE = {
    "network_driver": "network_driver",
    "api_port": "apiserver_port",
    "pods": "the addresses of pods",
    "node_prefix": "flannel_network_subnetlen",
    "services": "service_cluster_ip_range",
    "domain": "dns_cluster_domain",
}
"""What of a cluster's values stays, and by which field or label its owner knows it."""


def problems(current: ClusterRequest, wanted: ClusterRequest, groups: Sequence[GroupChange]) -> Iterator[Problem]:
    try:
        present = read_values(current.template, current.labels)
        versions = {group.name: (_version(group.before), _version(group.after)) for group in groups}
    except ValueError as error:
        yield Problem("labels", f"{error}.")
        return
    future = read_values(wanted.template, wanted.labels)
    for name, known_as in _FOR_LIFE.items():
        before, after = getattr(present, name), getattr(future, name)
        if before != after:
            yield Problem(known_as, f"It is {before} and cannot become {after} while the cluster lives.")
    masters = [versions[group.name][1] for group in groups if group.role == MASTER]
    for group in groups:
        yield from _of_group(group, *versions[group.name], max(masters, default=None))


def _of_group(group: GroupChange, before: Version, after: Version, masters: Version | None) -> Iterator[Problem]:
    """Say what is wrong first and which versions after that: clients show no more than goes before a full stop."""
    changes = f"{group.name} is of {before.tag}, and {after.tag} is asked for"
    if (after.minor, after.patch) < (before.minor, before.patch):
        yield Problem(VERSION_LABEL, f"Kubernetes cannot be downgraded: {changes}.")
    elif group.role == MASTER and after.minor > before.minor + 1:
        yield Problem(
            VERSION_LABEL,
            f"Masters cannot skip a minor version: {changes}. Upgrade to v1.{before.minor + 1} first.",
        )
    if group.role == MASTER or masters is None:
        return
    together = f"{group.name} would be of {after.tag} with masters of {masters.tag}"
    if after.minor > masters.minor:
        yield Problem(VERSION_LABEL, f"No node may be newer than the masters: {together}.")
    elif masters.minor - after.minor > after.of(OLDER_KUBELETS):
        yield Problem(
            VERSION_LABEL,
            f"Nodes may be {after.of(OLDER_KUBELETS)} minor versions older than the masters at most: {together}. "
            "Bring the node group nearer first.",
        )


def _version(labels: dict[str, str]) -> Version:
    return Version.parse(labels.get(VERSION_LABEL) or DEFAULT_TAG)
