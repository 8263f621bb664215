"""Nova: flavors, key pairs and availability zones. Key pairs are those of the user who asks, not of the project."""

from collections.abc import Collection, Sequence
from typing import Any

from .calls import CloudService
from .errors import NotThere
from .names import absent, pick, segment
from .offers import Flavor, KeyPair

_MOST_PAGES = 100


def find_flavor(nova: CloudService, ident: str) -> Flavor:
    """Raises CloudError."""
    return choose_flavor(nova.name, list_flavors(nova), ident)


def choose_flavor(service: str, flavors: Sequence[Flavor], ident: str) -> Flavor:
    """Raises NotThere."""
    return pick(service, "flavor", ident, flavors)


def list_flavors(nova: CloudService) -> tuple[Flavor, ...]:
    """Give all flavors that the project may use, by one call for each page. Raises CloudError."""
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {}
    for _ in range(_MOST_PAGES):
        answer = nova.get("/flavors/detail", params=params)
        found += answer["flavors"]
        if not answer["flavors"] or not answer.get("flavors_links"):  # which lead to the next page
            break
        params = {"marker": answer["flavors"][-1]["id"]}
    return tuple(
        Flavor(id=one["id"], name=one["name"], memory_mib=one["ram"], vcpus=one["vcpus"], disk_gib=one["disk"])
        for one in found
    )


def find_key_pair(nova: CloudService, name: str) -> KeyPair:
    """Raises CloudError."""
    path = segment(name)
    try:
        found = nova.get(f"/os-keypairs/{path}")["keypair"] if path else None
    except NotThere:
        found = None
    if found is None:
        raise NotThere(f"{nova.name} has no key pair '{name}' of yours.")
    return KeyPair(name=found["name"], public_key=found["public_key"])


def availability_zones(nova: CloudService) -> frozenset[str]:
    """Give those in which servers can be made. Raises CloudError."""
    zones = nova.get("/os-availability-zone")["availabilityZoneInfo"]
    return frozenset(zone["zoneName"] for zone in zones if zone["zoneState"]["available"])


def choose_zone(service: str, zones: Collection[str], name: str) -> str:
    """Raises NotThere."""
    if name not in zones:
        raise absent(service, "availability zone", name)
    return name
