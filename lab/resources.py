"""What users find in the lab: images, flavors, networks, a type of volumes, key pairs.

What runs is not made of an image, so that one is a few bytes; what counts is what is said of it.
"""

import io
import subprocess
from pathlib import Path

from .clouds import PEOPLE, connect
from .settings import Lab

IMAGES = {
    "debian-12": "debian",
    "ubuntu-24.04": "ubuntu",
    "fedora-coreos-41": "fedora-coreos",
    "fake": "fake",
    "no-distro": None,
}
"""With `os_distro` of each: `fake` is for simulated clusters; what has none is good for seeing that it is refused."""
FLAVORS = {"m1.tiny": (1, 512, 1), "m1.small": (1, 2048, 20), "m1.medium": (2, 4096, 40)}
"""Processors, MiB of memory, GiB of disk."""
INTERNAL = "10.0.10.0/24"
KEY_PAIR = "key"
VOLUME_TYPE = "standard"


def make_images(lab: Lab) -> bool:
    image = connect(lab).image
    present = {found.name for found in image.images()}
    missing = [name for name in IMAGES if name not in present]
    for name in missing:
        distribution = {"os_distro": IMAGES[name]} if IMAGES[name] else {}
        options = {"disk_format": "raw", "container_format": "bare", "visibility": "public"}
        image.create_image(name=name, data=io.BytesIO(b"nothing runs here\n"), **options, **distribution)
    return bool(missing)


def make_flavors(lab: Lab) -> bool:
    compute = connect(lab).compute
    present = {flavor.name for flavor in compute.flavors()}
    missing = [name for name in FLAVORS if name not in present]
    for name in missing:
        processors, memory, disk = FLAVORS[name]
        compute.create_flavor(name=name, vcpus=processors, ram=memory, disk=disk)
    return bool(missing)


def make_key_pairs(lab: Lab) -> bool:
    """Give everybody but readers the same key."""
    private = lab.data / "key"
    if not private.exists():
        command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", private)
        subprocess.run(command, check=True, timeout=30)
    public = Path(f"{private}.pub").read_text()
    acted = False
    for name in PEOPLE:
        compute = connect(lab, name).compute
        if name != "reader" and not compute.find_keypair(KEY_PAIR):
            compute.create_keypair(name=KEY_PAIR, public_key=public)
            acted = True
    return acted


def make_networks(lab: Lab) -> bool:
    """Make an external network, and one with a router for the project `demo`."""
    network, own = connect(lab).network, connect(lab, "member").network
    interfaces = {"device_owner": "network:router_interface"}
    if any(own.ports(**interfaces)):
        return False
    external = {"is_router_external": True, "provider_network_type": "flat", "provider_physical_network": "public"}
    public = network.find_network("public") or network.create_network(name="public", **external)
    range_ = {"ip_version": 4, "cidr": str(lab.floating), "is_dhcp_enabled": False}
    if not network.find_subnet("public"):
        network.create_subnet(name="public", network_id=public.id, **range_)
    private = own.find_network("private") or own.create_network(name="private")
    subnet = own.find_subnet("private") or own.create_subnet(
        name="private", network_id=private.id, ip_version=4, cidr=INTERNAL
    )
    gateway = {"network_id": public.id}
    router = own.find_router("router") or own.create_router(name="router", external_gateway_info=gateway)
    own.add_interface_to_router(router, subnet_id=subnet.id)
    return True


def make_volume_type(lab: Lab) -> bool:
    storage = connect(lab).block_storage
    if VOLUME_TYPE in {found.name for found in storage.types()}:
        return False
    storage.create_type(name=VOLUME_TYPE)
    return True
