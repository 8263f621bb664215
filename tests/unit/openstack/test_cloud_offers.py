"""What a cloud offers, asked over HTTP of a simulated one. Real services are asked in tests/openstack."""

import threading

import pytest
from simulated_cloud import PUBLIC_KEY, SILENCE, flavor, image, network, simulated_cloud, subnet, uuid

from magnum.conf.settings import Settings
from magnum.openstack import cinder, neutron, nova
from magnum.openstack.cloud_offers import CloudOffers
from magnum.openstack.errors import NotAllowed, NotThere, Several, Unanswered
from magnum.openstack.offers import Kind, Wish

EVERYTHING = [
    Wish(Kind.IMAGE, "fake"),
    Wish(Kind.FLAVOR, "m1.small"),
    Wish(Kind.FLAVOR, "2"),
    Wish(Kind.KEY_PAIR, "key"),
    Wish(Kind.EXTERNAL_NETWORK, "public"),
    Wish(Kind.NETWORK, "lan"),
    Wish(Kind.SUBNET, "lan-a"),
    Wish(Kind.VOLUME_TYPE, "fast"),
    Wish(Kind.VOLUME_TYPE, uuid(32)),
    Wish(Kind.AVAILABILITY_ZONE, "nova"),
    Wish(Kind.LOAD_BALANCERS, ""),
]


@pytest.fixture
def cloud():
    with simulated_cloud() as cloud:
        yield cloud


@pytest.fixture
def offers(cloud):
    return CloudOffers(cloud.seen_by(Settings()))


def test_each_thing_is_asked_for_once(cloud, offers):
    offers.look(EVERYTHING)
    asked = sorted(cloud.calls)
    for _ in range(2):
        for wish in EVERYTHING:
            offers.require(wish)
        assert offers.image("fake").id == uuid(1)
        assert offers.flavor("m1.large").id == "2"
        assert offers.subnet("lan-a", "lan").cidr == "10.0.0.0/24"
    assert sorted(cloud.calls) == asked
    assert [service for service, *_ in asked] == ["Cinder", "Glance", *["Neutron"] * 3, *["Nova"] * 3]


def test_ids_count_before_names(cloud, offers):
    cloud.flavors += [flavor("9", "1"), flavor("10", "ten")]
    assert offers.flavor("1").name == "m1.small"
    cloud.networks.append(network(14, uuid(12)))
    assert neutron.find_network(cloud.seen_by(Settings()).neutron(), uuid(12)).name == "lan"


def test_a_name_may_look_like_an_id(cloud, offers):
    cloud.networks.append(network(14, uuid(99)))
    assert offers.require(Wish(Kind.NETWORK, uuid(99))).id == uuid(14)


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        (Wish(Kind.IMAGE, "none"), "Glance has no image 'none'"),
        (Wish(Kind.IMAGE, uuid(9)), f"Glance has no image '{uuid(9)}'"),
        (Wish(Kind.FLAVOR, "huge"), "Nova has no flavor 'huge'"),
        (Wish(Kind.KEY_PAIR, "other"), "Nova has no key pair 'other' of yours"),
        (Wish(Kind.KEY_PAIR, ".."), "no key pair"),
        (Wish(Kind.KEY_PAIR, "a/../key"), "no key pair"),
        (Wish(Kind.EXTERNAL_NETWORK, "lan"), "Neutron has no external network 'lan'"),
        (Wish(Kind.NETWORK, "wan"), "Neutron has no network 'wan'"),
        (Wish(Kind.SUBNET, "wan-a"), "Neutron has no subnet 'wan-a'"),
        (Wish(Kind.VOLUME_TYPE, "golden"), "Cinder has no volume type 'golden'"),
        (Wish(Kind.AVAILABILITY_ZONE, "broken"), "Nova has no availability zone 'broken'"),
    ],
)
def test_what_is_not_there(offers, wish, text):
    with pytest.raises(NotThere, match=text):
        offers.require(wish)


@pytest.mark.parametrize("kind", [Kind.NETWORK, Kind.EXTERNAL_NETWORK, Kind.IMAGE, Kind.SUBNET])
def test_what_is_there_twice(cloud, offers, kind):
    cloud.networks += [network(number, "twin", external=True) for number in (41, 42)]
    cloud.subnets += [subnet(number, "twin", 12) for number in (43, 44)]
    with pytest.raises(Several, match=r"has 2 .*s called 'twin': name one by its id"):
        offers.require(Wish(kind, "twin"))


def test_a_subnet_is_on_its_network(cloud, offers):
    cloud.subnets.append(subnet(23, "lan-a", 13))
    assert offers.subnet("lan-a", "lan2").id == uuid(23)
    assert offers.subnet(uuid(21), "lan").id == uuid(21)
    with pytest.raises(Several):
        offers.subnet("lan-a", None)
    with pytest.raises(NotThere, match="'lan2-a' of Neutron is not on the network 'lan'"):
        offers.subnet("lan2-a", "lan")


def test_a_cloud_without_load_balancers(cloud):
    cloud.services -= {"load-balancer"}
    with pytest.raises(NotThere, match="no Octavia"):
        CloudOffers(cloud.seen_by(Settings())).require(Wish(Kind.LOAD_BALANCERS, ""))


def test_an_image_says_what_it_needs(cloud, offers):
    gib = 1024**3
    cloud.images += [
        image(5, "large", size=gib + 1, virtual_size=9 * gib + 1, min_disk=3, min_ram=4096, magnum_driver="mine"),
        image(6, "coming", status="queued"),
    ]
    large = offers.image("large")
    assert (large.min_disk_gib, large.min_memory_mib) == (10, 4096)
    assert large.properties["magnum_driver"] == "mine"
    assert offers.image("bare").os_distro is None
    with pytest.raises(NotThere, match="'coming' of Glance is not active: its status is queued"):
        offers.image("coming")


def test_flavors_come_in_pages(cloud, offers):
    cloud.most_flavors = 2
    assert offers.flavor("m1.none").disk_gib == 0
    assert len(cloud.calls) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_service_that_refuses(cloud, offers, status):
    cloud.faults["Glance"] = status
    with pytest.raises(NotAllowed, match="Glance"):
        offers.image("fake")


def test_a_service_that_fails_spoils_nothing_else(cloud, offers):
    cloud.faults["Nova"] = 503
    offers.look(EVERYTHING)
    for wish in EVERYTHING:
        if wish.kind in {Kind.FLAVOR, Kind.KEY_PAIR, Kind.AVAILABILITY_ZONE}:
            with pytest.raises(Unanswered, match="Nova"):
                offers.require(wish)
        else:
            offers.require(wish)


def test_a_service_that_says_nothing_is_not_waited_for(cloud):
    cloud.faults["Neutron"] = SILENCE
    offers = CloudOffers(cloud.seen_by(Settings(), seconds=300), seconds=1)
    offers.look([Wish(Kind.NETWORK, "lan"), Wish(Kind.FLAVOR, "1")])
    with pytest.raises(Unanswered, match="Neutron has not answered within 1 seconds"):
        offers.require(Wish(Kind.NETWORK, "lan"))
    assert offers.flavor("1").name == "m1.small"
    cloud.over.set()


def test_what_drivers_ask_for(cloud):
    seen = cloud.seen_by(Settings())
    assert nova.find_key_pair(seen.nova(), "key").public_key == PUBLIC_KEY
    assert nova.find_flavor(seen.nova(), "m1.small").memory_mib == 2048
    assert neutron.find_external_network(seen.neutron(), "public").external
    lan = neutron.find_network(seen.neutron(), "lan")
    assert neutron.find_subnet(seen.neutron(), "lan-a", lan).network_id == lan.id
    assert cinder.find_volume_type(seen.cinder(), "fast").id == uuid(31)


def test_the_type_of_a_volume_for_which_none_is_named(cloud):
    service = cloud.seen_by(Settings()).cinder()
    assert cinder.default_volume_type(service, "fast") == "fast"
    assert cinder.default_volume_type(service, "") == "slow"
    cloud.volume_types.clear()
    with pytest.raises(NotThere, match="no type of volumes"):
        cinder.default_volume_type(service, "")


def test_all_services_are_asked_at_the_same_time(cloud, offers):
    """None of them answers before all of them have been asked."""
    all_asked = threading.Barrier(8, timeout=60)
    answer = cloud.answer

    def once_all_were_asked(*question):
        all_asked.wait()
        return answer(*question)

    cloud.answer = once_all_were_asked
    offers.look(EVERYTHING)
    assert len(cloud.calls) == all_asked.parties
    assert offers.image("fake").name == "fake"
