import shlex
from ipaddress import IPv4Address, IPv4Network

import pytest

from magnum.drivers.local import firewall

BRIDGE = "magnum-0a4d0700"
COMMENT = "magnum abcde 3f0c1a52-0000-4000-8000-000000000001"
SAVED = f"""\
*filter
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A DOCKER-USER -i {BRIDGE} -m comment --comment "{COMMENT}" -j ACCEPT
-A DOCKER-USER -o {BRIDGE} -m comment --comment "{COMMENT}" -j ACCEPT
-A DOCKER-USER -i magnum-0a4d0800 -m comment --comment "magnum zzzzz somebody" -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
"""


def rules(*, egress):
    return firewall.ruleset(
        "magnum_abcde_0a4d0700",
        BRIDGE,
        IPv4Network("10.77.7.0/24"),
        IPv4Address("10.77.7.1"),
        IPv4Network("10.77.0.0/16"),
        node_port=9512,
        egress=egress,
    )


def chain(text, name):
    return [line.strip() for line in text.partition(f"chain {name} {{")[2].partition("}\n    ")[0].splitlines()]


@pytest.mark.parametrize("egress", [True, False])
def test_of_the_host_only_one_port_and_ping_are_open(egress):
    host = chain(rules(egress=egress), "host")
    opened = [line for line in host if line.endswith("accept") and "dport" in line]
    assert opened == ["ip saddr 10.77.7.0/24 ip daddr 10.77.7.1 tcp dport 9512 accept"]
    assert host.index("drop") > max(host.index(line) for line in host if line.endswith("accept"))


@pytest.mark.parametrize("egress", [True, False])
def test_what_is_not_allowed_to_pass_is_dropped_last_in_both_directions(egress):
    passing = [line for line in chain(rules(egress=egress), "forwarded") if line and line != "}"]
    assert passing[-2:] == [f'iifname "{BRIDGE}" drop', f'oifname "{BRIDGE}" drop']


def test_without_egress_nothing_leads_out():
    assert "masquerade" not in rules(egress=False)
    accepted = [line for line in chain(rules(egress=False), "forwarded") if line.endswith("accept")]
    assert accepted == [f'iifname "{BRIDGE}" oifname "{BRIDGE}" accept']


def test_with_egress_other_clusters_and_link_local_addresses_come_before_the_way_out():
    passing = chain(rules(egress=True), "forwarded")
    way_out = passing.index(f'iifname "{BRIDGE}" ip saddr 10.77.7.0/24 accept')
    assert passing.index(f'iifname "{BRIDGE}" oifname "magnum-*" drop') < way_out
    assert passing.index(f'iifname "{BRIDGE}" ip daddr 10.77.0.0/16 drop') < way_out
    assert passing.index(f'iifname "{BRIDGE}" ip daddr 169.254.0.0/16 reject') < way_out
    assert "ip saddr 10.77.7.0/24" in next(line for line in rules(egress=True).splitlines() if "masquerade" in line)


def test_a_table_is_replaced_as_a_whole():
    lines = rules(egress=True).splitlines()
    assert lines[:3] == ["table inet magnum_abcde_0a4d0700 {", "}", "delete table inet magnum_abcde_0a4d0700"]


def test_only_our_own_tables_are_listed(imaginary):
    imaginary.tables = {"magnum_abcde_1": "", "magnum_zzzzz_1": "", "filter": ""}
    assert firewall.tables("magnum_abcde_", timeout=1) == ("magnum_abcde_1",)


def test_a_docker_engine_of_the_host_is_told_once_to_let_the_bridge_pass(imaginary):
    imaginary.saved_rules = ":DOCKER-USER - [0:0]\n-A DOCKER-USER -j RETURN\n"
    firewall.except_from_docker(BRIDGE, COMMENT, timeout=1)
    inserted = [words for words, _ in imaginary.commands if words[0] == "iptables"]
    assert [words[2:6] for words in inserted] == [
        ["--insert", "DOCKER-USER", "--in-interface", BRIDGE],
        ["--insert", "DOCKER-USER", "--out-interface", BRIDGE],
    ]
    imaginary.commands.clear()
    imaginary.saved_rules = SAVED
    firewall.except_from_docker(BRIDGE, COMMENT, timeout=1)
    assert [words[0] for words, _ in imaginary.commands] == ["iptables-save"]


def test_without_a_docker_engine_iptables_is_left_alone(imaginary):
    imaginary.saved_rules = "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"
    firewall.except_from_docker(BRIDGE, COMMENT, timeout=1)
    assert [words[0] for words, _ in imaginary.commands] == ["iptables-save"]


def test_exceptions_are_removed_by_their_comment(imaginary):
    imaginary.saved_rules = SAVED
    firewall.remove_docker_exceptions("magnum abcde ", timeout=1)
    removed = [words for words, _ in imaginary.commands if words[0] == "iptables"]
    wanted = [line for line in SAVED.splitlines() if COMMENT in line]
    assert removed == [["iptables", "--wait", "--delete", *shlex.split(line)[1:]] for line in wanted]
