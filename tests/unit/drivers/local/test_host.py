import threading
from ipaddress import IPv4Address

import pytest

from magnum.drivers.local import egress, rootfs
from magnum.drivers.local.errors import CommandError, LocalError, RootfsMissingError
from magnum.drivers.local.host import Egress, LocalHost, MachineSpec
from magnum.drivers.local.machines import LAUNCHER

CLUSTER = "3f0c1a52-0000-4000-8000-000000000001"


@pytest.fixture
def host(settings, imaginary):
    (rootfs.path_of(rootfs.DEBIAN_12, settings.cache_dir)).mkdir(parents=True)
    return LocalHost(settings, known_egress=Egress(reason="not asked"))


def spec(network, name="web-1", **changed):
    values = {
        "address": network.subnet[10],
        "memory_mib": 512,
        "vcpus": 1,
        "user_data": "",
        "instance_id": "i",
    } | changed
    return MachineSpec(cluster_uuid=CLUSTER, name=name, **values)


def launches(imaginary):
    return [words for words, _ in imaginary.commands if words[0] == str(LAUNCHER)]


def test_a_machine_is_made_and_launched(host, imaginary):
    host.start_machine(spec(host.ensure_network(CLUSTER)))
    (machine,) = host.machines(CLUSTER)
    assert (machine.name, str(machine.address).rpartition(".")[2]) == ("web-1", "10")
    assert len(launches(imaginary)) == 1


def test_without_its_root_file_system_no_machine_is_made(host):
    network = host.ensure_network(CLUSTER)
    with pytest.raises(RootfsMissingError):
        host.start_machine(spec(network, image="fedora-40"))
    assert host.machines(CLUSTER) == ()


def test_a_machine_keeps_what_it_was_made_with(host, imaginary):
    network = host.ensure_network(CLUSTER)
    host.start_machine(spec(network))
    host.start_machine(spec(network, address=IPv4Address("10.77.0.99"), user_data="changed"))
    (machine,) = host.machines(CLUSTER)
    assert machine.address == network.subnet[10]


def test_a_launch_that_fails_is_repeated_on_the_same_disk(host, imaginary):
    network = host.ensure_network(CLUSTER)
    imaginary.fails = ("systemd-nspawn",)
    with pytest.raises(CommandError):
        host.start_machine(spec(network))
    imaginary.fails = ()
    host.start_machine(spec(network))
    assert len(launches(imaginary)) == 2


def test_only_what_was_on_comes_back(host, imaginary):
    network = host.ensure_network(CLUSTER)
    host.start_machine(spec(network, "on"))
    host.start_machine(spec(network, "off", address=network.subnet[11]))
    host.stop_machine(CLUSTER, "off")
    host.stop_all()
    assert imaginary.bridges == {}
    imaginary.commands.clear()
    host.start_all()
    assert ["--hostname=on" in words for words in launches(imaginary)] == [True]
    assert [machine.reason for machine in host.machines(CLUSTER) if machine.name == "off"] == ["it was switched off"]


def test_one_failure_does_not_keep_the_others_down(host, imaginary):
    network = host.ensure_network(CLUSTER)
    for index, name in enumerate(("a", "b", "c")):
        host.start_machine(spec(network, name, address=network.subnet[10 + index]))
    imaginary.commands.clear()
    imaginary.fails = ("--hostname=b",)
    with pytest.raises(LocalError, match="--hostname=b"):
        host.start_all()
    assert len(launches(imaginary)) == 3


def test_a_network_with_machines_is_not_deleted(host):
    host.start_machine(spec(host.ensure_network(CLUSTER)))
    with pytest.raises(LocalError, match="still has machines: web-1"):
        host.delete_network(CLUSTER)
    host.delete_machine(CLUSTER, "web-1")
    host.delete_network(CLUSTER)
    assert host.clusters() == ()


def test_deleting_what_never_was_leaves_no_trace(host):
    host.delete_machine(CLUSTER, "web-1")
    assert host.clusters() == ()
    host.delete_network(CLUSTER)
    assert host.clusters() == ()


def crashes(imaginary, act, *, after):
    """Let `act` crash at its first, second, … command until it comes through; the caller repairs after each crash."""
    for countdown in range(100):
        imaginary.crash_at = (countdown, after)
        try:
            act()
        except imaginary.Crash:
            imaginary.crash_at = None
            yield
        else:
            assert countdown >= 3, "it ran hardly anything"
            imaginary.crash_at = None
            return
    pytest.fail("it never came through")


@pytest.mark.parametrize("after", [False, True])
def test_a_start_that_crashed_anywhere_is_simply_repeated(host, imaginary, after):
    def start():
        host.start_machine(spec(host.ensure_network(CLUSTER)))

    for _ in crashes(imaginary, start, after=after):
        start()
        assert launches(imaginary)
        assert len(imaginary.bridges) == len(imaginary.tables) == 1
        (machine,) = host.machines(CLUSTER)
        assert machine.address is not None
        imaginary.commands.clear()
        host.delete_machine(CLUSTER, "web-1")
        host.delete_network(CLUSTER)


@pytest.mark.parametrize("after", [False, True])
def test_a_deletion_that_crashed_anywhere_is_simply_repeated(host, imaginary, after):
    def delete():
        host.delete_machine(CLUSTER, "web-1")
        host.delete_network(CLUSTER)

    host.start_machine(spec(host.ensure_network(CLUSTER)))
    for _ in crashes(imaginary, delete, after=after):
        delete()
        assert (imaginary.bridges, imaginary.tables, host.clusters()) == ({}, {}, ())
        host.start_machine(spec(host.ensure_network(CLUSTER)))


def test_a_machine_is_made_anew_where_it_was(host, settings, imaginary):
    network = host.ensure_network(CLUSTER)
    host.start_machine(spec(network, edition="first"))
    etcd = next(settings.state_dir.rglob("volumes/etcd")) / "data"
    etcd.write_text("")
    imaginary.commands.clear()
    host.rebuild_machine(spec(network, instance_id="j", edition="second"))
    (machine,) = host.machines(CLUSTER)
    assert (machine.edition, machine.instance_id, machine.address) == ("second", "j", network.subnet[10])
    assert etcd.exists()
    assert len(launches(imaginary)) == 1


def test_a_disk_of_this_instance_is_made_once(host, imaginary):
    network = host.ensure_network(CLUSTER)
    host.rebuild_machine(spec(network, edition="first"))
    host.rebuild_machine(spec(network, edition="second"))
    (machine,) = host.machines(CLUSTER)
    assert machine.edition == "first"
    assert len(launches(imaginary)) == 2  # the imaginary one never runs, so it is switched on each time


def test_without_its_new_root_file_system_a_machine_stays_on(host, imaginary):
    network = host.ensure_network(CLUSTER)
    host.start_machine(spec(network, edition="first"))
    with pytest.raises(RootfsMissingError):
        host.rebuild_machine(spec(network, instance_id="j", image="fedora-40"))
    (machine,) = host.machines(CLUSTER)
    assert machine.edition == "first"


@pytest.mark.parametrize("after", [False, True])
def test_a_rebuild_that_crashed_anywhere_is_simply_repeated(host, imaginary, after):
    network, wanted = host.ensure_network(CLUSTER), ["first"]

    def rebuild():
        host.rebuild_machine(spec(network, instance_id=wanted[-1]))

    for _ in crashes(imaginary, rebuild, after=after):
        host.start_all()  # the service starts again, and knows nothing of it
        rebuild()
        (machine,) = host.machines(CLUSTER)
        assert (machine.instance_id, machine.address) == (wanted[-1], network.subnet[10])
        wanted.append(f"after {wanted[-1]}")


def test_stopping_what_is_not_there_is_told(host):
    with pytest.raises(LocalError, match="no machine web-1"):
        host.stop_machine(CLUSTER, "web-1")
    assert host.clusters() == ()


def test_cleaning_removes_all_but_what_is_not_ours(host, settings, imaginary):
    (settings.state_dir / "keep").parent.mkdir(exist_ok=True)
    (settings.state_dir / "keep").write_text("")
    host.start_machine(spec(host.ensure_network(CLUSTER)))
    host.clean()
    host.clean()
    assert [entry.name for entry in settings.state_dir.iterdir()] == ["keep"]
    assert (imaginary.bridges, imaginary.tables) == ({}, {})


def test_egress_is_tried_once_whoever_asks(settings, imaginary, monkeypatch):
    tried = []
    monkeypatch.setattr(egress, "probe", lambda *_: tried.append(1) or Egress(("192.0.2.53",)))
    host = LocalHost(settings)
    threads = [threading.Thread(target=host.egress) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert host.egress().available
    assert tried == [1]
