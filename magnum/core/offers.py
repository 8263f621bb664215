"""What a template, a cluster or a node group names must be there for whoever asks, and go together.

First all that is named is collected (`of_template`, `of_cluster`, `of_group`), so that a cloud can be asked for all of
it at once; then it is judged, one by one, and what is refused is said of the attribute that names it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

from magnum.conf.cinder import Cinder
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.nodegroups import NodeGroup
from magnum.openstack.errors import CloudError, NotAllowed, NotThere, Several, Unanswered
from magnum.openstack.offers import Flavor, Image, Kind, Offers, Wish

from .errors import Conflict, Forbidden, InvalidRequest, NotFound, Refused, Unavailable

_KINDS = {
    "image_id": Kind.IMAGE,
    "flavor_id": Kind.FLAVOR,
    "master_flavor_id": Kind.FLAVOR,
    "keypair": Kind.KEY_PAIR,
    "external_network_id": Kind.EXTERNAL_NETWORK,
    "fixed_network": Kind.NETWORK,
    "fixed_subnet": Kind.SUBNET,
}
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_LOAD_BALANCERS = "master_lb_enabled"
_BOOT_VOLUME_SIZE = "boot_volume_size"
_ETCD_VOLUME_SIZE = "etcd_volume_size"
_AVAILABILITY_ZONE = "availability_zone"


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A wish, and by what it is named, as the requester or the operator knows it."""

    by: str
    wish: Wish
    advice: str = ""


def of_template(template: ClusterTemplate, options: Cinder) -> list[Named]:
    """Give all but the key pair: it is a user's own, and others may use the template."""
    return [
        *_attributes(template, "image_id", "flavor_id", "master_flavor_id", "external_network_id"),
        *_attributes(template, "fixed_network", "fixed_subnet"),
        *_load_balancers(template.master_lb_enabled),
        *_labels(template.labels, template.docker_volume_size, options),
    ]


def of_cluster(cluster: Cluster, template: ClusterTemplate, options: Cinder) -> list[Named]:
    """Give what its nodes are made of, its own or its template's."""
    return [
        *_attributes(template, "image_id", "external_network_id"),
        *_attributes(cluster, "flavor_id", "master_flavor_id", "keypair", "fixed_network", "fixed_subnet"),
        *_load_balancers(cluster.master_lb_enabled),
        *_labels(cluster.labels, cluster.docker_volume_size, options),
    ]


def of_group(group: NodeGroup, options: Cinder) -> list[Named]:
    return [
        *_attributes(group, "image_id", "flavor_id"),
        *_labels(group.labels, group.docker_volume_size, options),
    ]


def look(offers: Offers, named: Iterable[Named]) -> None:
    offers.look([one.wish for one in named])


def check_named(offers: Offers, named: Iterable[Named]) -> None:
    """Refuse what is not there, or not for the requester, or not alone of its name."""
    named = list(named)
    look(offers, named)
    network = next((one.wish.ident for one in named if one.wish.kind is Kind.NETWORK), None)
    for one in named:
        with _told(one):
            if one.wish.kind is Kind.SUBNET:
                offers.subnet(one.wish.ident, network)
            else:
                offers.require(one.wish)


def find_image(offers: Offers, ident: str) -> Image:
    with _told(Named(by="image_id", wish=Wish(Kind.IMAGE, ident))):
        image = offers.image(ident)
    if not image.os_distro:
        raise InvalidRequest(f"The image needs the property os_distro, which says what can use it: {ident} has none.")
    return image


def check_disks(
    offers: Offers, labels: Mapping[str, str], options: Cinder, *, image_id: str, **flavors: str | None
) -> None:
    """Refuse machines that cannot hold their image: too little disk or memory, or none to boot from."""
    image = find_image(offers, image_id)
    volume = _boot_volume(labels, options)
    if volume and volume < image.min_disk_gib:
        raise InvalidRequest(
            f"The label {_BOOT_VOLUME_SIZE} must be at least {image.min_disk_gib} (GB): "
            f"the image {image_id} needs it, and has {volume}."
        )
    check_root_disk(offers, labels, options, **flavors)
    for attribute, ident in flavors.items():
        if ident is None:
            continue
        flavor = _flavor(offers, attribute, ident)
        if volume == 0 and flavor.disk_gib < image.min_disk_gib:
            raise InvalidRequest(
                f"{attribute} must name a flavor with a disk of at least {image.min_disk_gib} GB: "
                f"the image {image_id} needs it, and {ident} has {flavor.disk_gib}. "
                f"Or give machines a volume to boot from, with the label {_BOOT_VOLUME_SIZE}."
            )
        if flavor.memory_mib < image.min_memory_mib:
            raise InvalidRequest(
                f"{attribute} must name a flavor with at least {image.min_memory_mib} MB of memory: "
                f"the image {image_id} needs it, and {ident} has {flavor.memory_mib}."
            )


def check_root_disk(offers: Offers, labels: Mapping[str, str], options: Cinder, **flavors: str | None) -> None:
    """Refuse flavors without a disk where machines have no volume to boot from either; unknown ones are not judged."""
    if _boot_volume(labels, options) != 0:
        return
    for attribute, ident in flavors.items():
        if ident is None:
            continue
        try:
            flavor = _flavor(offers, attribute, ident)
        except InvalidRequest:
            continue
        if flavor.disk_gib == 0:
            raise InvalidRequest(
                f"{attribute} must name a flavor with a disk: {ident} has none. "
                f"Or give machines a volume to boot from, with the label {_BOOT_VOLUME_SIZE}."
            )


def _flavor(offers: Offers, attribute: str, ident: str) -> Flavor:
    with _told(Named(by=attribute, wish=Wish(Kind.FLAVOR, ident))):
        return offers.flavor(ident)


def _attributes(holder: msgspec.Struct, *attributes: str) -> Iterator[Named]:
    for attribute in attributes:
        if ident := getattr(holder, attribute):
            yield Named(by=attribute, wish=Wish(_KINDS[attribute], ident))


def _load_balancers(wanted: bool | None) -> Iterator[Named]:
    if wanted:
        yield Named(by=_LOAD_BALANCERS, wish=Wish(Kind.LOAD_BALANCERS, ""))


def _labels(labels: Mapping[str, str], docker_volume_size: int | None, options: Cinder) -> Iterator[Named]:
    """Give types of volumes, and of those that the operator has chosen the ones that are about to be used."""
    used = {
        "docker_volume_type": (docker_volume_size, options.default_docker_volume_type),
        "etcd_volume_type": (_number(labels.get(_ETCD_VOLUME_SIZE)), options.default_etcd_volume_type),
        "boot_volume_type": (_boot_volume(labels, options), options.default_boot_volume_type),
    }
    for label, (size, usual) in used.items():
        if own := labels.get(label):
            yield Named(by=f"The label {label}", wish=Wish(Kind.VOLUME_TYPE, own))
        elif size and usual:
            advice = f" Name another with the label {label}, or tell the operator."
            yield Named(by=f"[cinder] default_{label}", wish=Wish(Kind.VOLUME_TYPE, usual), advice=advice)
    if zone := labels.get(_AVAILABILITY_ZONE):
        yield Named(by=f"The label {_AVAILABILITY_ZONE}", wish=Wish(Kind.AVAILABILITY_ZONE, zone))


def _boot_volume(labels: Mapping[str, str], options: Cinder) -> int | None:
    """Give GB, 0 for no volume; None for what is no number, which is said elsewhere."""
    return _number(labels.get(_BOOT_VOLUME_SIZE) or str(options.default_boot_volume_size))


def _number(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.fullmatch(text) else None


@contextmanager
def _told(named: Named) -> Iterator[None]:
    """Say of what is named why it cannot be had."""
    try:
        yield
    except CloudError as error:
        raise _refusal(named, error) from error


def _refusal(named: Named, error: CloudError) -> Refused:
    by, kind, text = named.by, named.wish.kind, f"{error}{named.advice}"
    match error:
        case NotThere() if kind is Kind.LOAD_BALANCERS:
            return InvalidRequest(f"{by} needs a service for load balancers: {text}")
        case NotThere():
            status = NotFound if kind is Kind.KEY_PAIR else InvalidRequest
            return status(f"{by} must name {kind.value} that exists: {text}")
        case Several():
            return Conflict(f"{by} must name {kind.value} that is alone of its name: {text}")
        case NotAllowed():
            return Forbidden(f"{by} names {kind.value} that your token does not open: {text}")
        case Unanswered():
            return Unavailable(f"{by} cannot be checked now: {text.rstrip('.')}. Try again shortly.")
        case _:
            return InvalidRequest(f"{by} does not name {kind.value}: {text}")
