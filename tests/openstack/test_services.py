"""Every service answers the unmodified command, and is what it is taken for."""

import ipaddress
import socket
from pathlib import Path

import pytest
from openstack.exceptions import ForbiddenException

from lab.settings import SERVERS

LISTENING, LOOPBACK = "0A", {"0100007F", "00000000000000000000000001000000"}
"""As the kernel writes them."""
SHARED = ipaddress.IPv4Network("100.64.0.0/10")
LISTS = {
    "identity": "token issue",
    "key-manager": "secret list",
    "image": "image list",
    "compute": "server list",
    "network": "network list",
    "block-storage": "volume list",
    "load-balancer": "loadbalancer provider list",
    "orchestration": "stack list",
    "container-infra": "coe cluster list",
}


@pytest.mark.parametrize("kind", LISTS)
def test_every_service_answers_a_member(cloud, kind):
    cloud.show("member", *LISTS[kind].split())


def test_the_catalogue_leads_to_the_labs_own_address_only(cloud):
    found = cloud.show("admin", "endpoint", "list")
    assert {entry["Service Type"] for entry in found} >= {*LISTS, "placement", "cloudformation"}
    assert {entry["URL"].split(":")[1] for entry in found} == {f"//{cloud.address}"}


def test_nothing_of_it_listens_anywhere_else(cloud):
    first = int(cloud.identity.split(":")[2].partition("/")[0])
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, _, port = local.partition(":")
            if state == LISTENING and int(port, 16) - first in range(len(SERVERS)):
                found.setdefault(int(port, 16), set()).add(address)
    assert len(found) == len(SERVERS)
    own = socket.inet_aton(cloud.address)[::-1].hex().upper()
    assert set().union(*found.values()) <= {*LOOPBACK, own}
    assert ipaddress.IPv4Address(cloud.address).is_loopback or ipaddress.IPv4Address(cloud.address) in SHARED


def test_images_say_what_they_are(person):
    images = {image.name: image.os_distro for image in person("member").connection.image.images()}
    assert images["debian-12"] == "debian"
    assert images["fedora-coreos-41"] == "fedora-coreos"
    assert images["ubuntu-24.04"] == "ubuntu"
    assert images["no-distro"] is None


def test_who_administers_trustees_may_do_so_there_only(cloud, person):
    domains = {domain.name: domain.id for domain in person("admin").connection.identity.domains()}
    identity = cloud.login("magnum-domain-admin", domain="magnum", domain_name="magnum").connection.identity
    trustee = identity.create_user(name="trustee", domain_id=domains["magnum"])
    identity.delete_user(trustee)
    with pytest.raises(ForbiddenException):
        identity.create_user(name="trustee", domain_id=domains["Default"])
