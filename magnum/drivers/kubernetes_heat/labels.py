"""The labels of servers and of what is around them: defaults, and which of them stay. Pure: the API loads it."""

from collections.abc import Iterator, Mapping, Sequence

from magnum.drivers.base import ClusterRequest, GroupChange, Problem
from magnum.model.nodegroups import MASTER

LABELS = {
    "availability_zone": "",
    "boot_volume_size": "0",
    "boot_volume_type": "",
    "docker_volume_type": "",
    "etcd_volume_size": "10",
    "etcd_volume_type": "",
    "fixed_subnet_cidr": "10.0.0.0/24",
    "master_lb_allowed_cidrs": "",
    "master_lb_floating_ip_enabled": "",
    "octavia_lb_algorithm": "ROUND_ROBIN",
    "octavia_provider": "amphora",
}
_FOR_LIFE = (
    *("availability_zone", "boot_volume_size", "boot_volume_type", "docker_volume_type"),
    *("etcd_volume_size", "etcd_volume_type", "fixed_subnet_cidr", "octavia_provider"),
)
"""A change of these would have Heat make servers, volumes or networks anew that are in use."""


def given(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: labels.get(name) or default for name, default in LABELS.items()}


def change_problems(
    current: ClusterRequest, wanted: ClusterRequest, groups: Sequence[GroupChange]
) -> Iterator[Problem]:
    before, after = given(current.labels), given(wanted.labels)
    for name in _FOR_LIFE:
        if before[name] != after[name]:
            was, is_to_be = before[name] or "empty", after[name] or "empty"
            yield Problem(name, f"It is {was} and cannot become {is_to_be} while the cluster lives.")
    if before["etcd_volume_size"] == "0" and any(_is_rebuilt(group) for group in groups):
        yield Problem(
            "etcd_volume_size",
            "The masters keep etcd's data on their own disks, which do not outlive an upgrade. "
            "Make a new cluster with a volume for etcd and move the work there, or upgrade groups of workers alone.",
        )


def _is_rebuilt(group: GroupChange) -> bool:
    return group.role == MASTER and group.before != group.after
