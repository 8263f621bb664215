import json

import pytest

from magnum.drivers.local import apt, egress, netns
from magnum.drivers.local.apt import Repository
from magnum.drivers.local.egress import Egress, usable_resolvers
from magnum.drivers.local.errors import CommandError
from magnum.drivers.local.names import HostNames
from magnum.drivers.local.networks import Networks


@pytest.fixture
def probe(settings, imaginary, monkeypatch, tmp_path):
    """Probe with a given finding, and see that nothing is left."""
    (tmp_path / "ip_forward").write_text("0\n")
    monkeypatch.setattr(egress, "FORWARDING", tmp_path / "ip_forward")
    (tmp_path / "resolv.conf").write_text("search example\nnameserver 192.0.2.53\n")
    monkeypatch.setattr(egress, "RESOLVER_FILES", (tmp_path / "resolv.conf", tmp_path / "absent"))
    mirror = Repository("http://mirror.example:8080/debian/", "bookworm", "main")
    monkeypatch.setattr(apt, "repositories_of", lambda *_, **__: (mirror,))
    monkeypatch.setattr(netns, "unplug", lambda *_, **__: None)

    def probe(finding):
        def run(argv, **options):
            imaginary.commands.append((argv, ""))
            if argv[0] == "ip" and isinstance(finding, Exception):
                raise finding
            return json.dumps(finding) if argv[0] == "ip" else ""

        monkeypatch.setattr(egress, "run", run)
        names = HostNames(settings.state_dir)
        found = egress.probe(settings, names, Networks(settings, names))
        assert (imaginary.bridges, imaginary.tables) == ({}, {})
        assert list((settings.state_dir / "clusters").iterdir()) == []
        return found

    return probe


def test_with_a_resolver_and_a_connection_there_is_egress(probe, imaginary):
    found = probe({"resolvers": ["192.0.2.53"], "obstacle": None})
    assert found == Egress(("192.0.2.53",))
    assert found.available
    asked = next(words for words, _ in imaginary.commands if words[:3] == ["ip", "netns", "exec"])
    assert asked[-3:] == ["mirror.example", "8080", "192.0.2.53"]


def test_a_resolver_alone_is_not_enough(probe):
    found = probe({"resolvers": ["192.0.2.53"], "obstacle": "203.0.113.80 port 8080: timed out"})
    assert not found.available
    assert "203.0.113.80 port 8080: timed out" in found.reason


@pytest.mark.parametrize("obstacle", [None, "timed out"])
def test_a_host_without_egress_forwards_no_more_than_it_did(probe, imaginary, obstacle):
    probe({"resolvers": ["192.0.2.53"], "obstacle": obstacle})
    written = [words[-1] for words, _ in imaginary.commands if words[0] == "sysctl"]
    assert written == ["net.ipv4.ip_forward=1", *(["net.ipv4.ip_forward=0"] if obstacle else [])]


def test_a_probe_that_breaks_is_no_egress_and_says_why(probe):
    found = probe(CommandError("ip netns exec: failed"))
    assert not found.available
    assert "ip netns exec: failed" in found.reason


def test_a_host_with_only_its_own_resolver_is_not_probed(settings, imaginary, monkeypatch, tmp_path):
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\nnameserver fd00::1\n")
    monkeypatch.setattr(egress, "RESOLVER_FILES", (tmp_path / "resolv.conf",))
    names = HostNames(settings.state_dir)
    found = egress.probe(settings, names, Networks(settings, names))
    assert not found.available
    assert "loopback" in found.reason
    assert imaginary.commands == []


def test_the_resolvers_behind_a_local_one_are_used():
    stub, behind = "nameserver 127.0.0.53\n", "# made by a program\nnameserver 192.0.2.1\nnameserver 192.0.2.1\n"
    assert usable_resolvers([stub, behind]) == ("192.0.2.1",)


def test_no_more_than_three_resolvers_and_none_that_is_malformed():
    lines = "nameserver\nnameserver here\nnameserver 169.254.1.1\nnameserver fe80::1%eth0\n"
    lines += "".join(f"nameserver 192.0.2.{number}\n" for number in range(1, 6))
    assert usable_resolvers([lines]) == ("192.0.2.1", "192.0.2.2", "192.0.2.3")
