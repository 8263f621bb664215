import pytest

from magnum.drivers.local import apt
from magnum.drivers.local.apt import Repository
from magnum.drivers.local.errors import LocalError

LISTED = """\
Packages http://mirror.example/debian-security/ bookworm-security main
Packages http://mirror.example/debian/ bookworm-updates main
Packages http://mirror.example/debian/ bookworm contrib
Packages http://mirror.example/debian/ bookworm main
Packages http://mirror.example/debian/ bookworm main
Translations http://mirror.example/debian/ bookworm main
Packages http://else.example/ stable
Packages http://else.example/node nodistro main
""".splitlines()


def test_the_hosts_own_repositories_of_a_suite_are_chosen_its_own_first():
    chosen = apt.choose(apt.parse(LISTED), "bookworm")
    assert [repository.line() for repository in chosen] == [
        "deb http://mirror.example/debian/ bookworm main",
        "deb http://mirror.example/debian/ bookworm-updates main",
        "deb http://mirror.example/debian-security/ bookworm-security main",
    ]


def test_a_host_without_that_suite_is_told_what_to_do():
    with pytest.raises(LocalError, match="deb <mirror> trixie main"):
        apt.choose(apt.parse(LISTED), "trixie")


def test_updates_alone_are_not_enough():
    with pytest.raises(LocalError):
        apt.choose([Repository("http://mirror.example", "bookworm-updates", "main")], "bookworm")


def test_of_the_configuration_only_what_says_how_to_reach_a_repository_is_carried_over(monkeypatch):
    dump = 'APT::Install-Recommends "1";\nAcquire::http::Proxy "http://proxy.example:3128";\nDPkg::Pre-Invoke "x";\n'
    monkeypatch.setattr(apt, "run", lambda *_, **__: dump + 'Acquire::Check-Valid-Until "false";\n')
    carried = apt.options(timeout=1)
    assert carried == 'Acquire::http::Proxy "http://proxy.example:3128";\nAcquire::Check-Valid-Until "false";\n'
