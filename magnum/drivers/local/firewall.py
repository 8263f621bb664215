"""What the machines of a cluster may reach, as one nftables table per network.

Always: each other. Of this host: replies to its own connections, one TCP port and ping on their own bridge's address,
and nothing else, on none of its addresses. Never: other clusters and link-local addresses. Without egress that is all;
with it, the rest of the world behind NAT. Nobody but this host itself opens a connection to them. Link-local addresses
are refused at once, because programs ask there which cloud they are in and would wait for the answer.

A table is replaced in one transaction, so applying it again is safe. A Docker engine of the host's own drops every
forwarded packet that it does not know, even between two ports of our bridge; its chain made for such cases gets an
exception for the bridge.
"""

import shlex
from ipaddress import IPv4Address, IPv4Network

from magnum.drivers.local import names
from magnum.drivers.local.commands import installed, run

LINK_LOCAL = "169.254.0.0/16"
DOCKER_CHAIN = "DOCKER-USER"


def ruleset(
    table: str,
    bridge: str,
    subnet: IPv4Network,
    gateway: IPv4Address,
    pool: IPv4Network,
    *,
    node_port: int,
    egress: bool,
) -> str:
    outward = f"""
        iifname "{bridge}" oifname "{names.BRIDGE_PREFIX}*" drop
        iifname "{bridge}" ip daddr {pool} drop
        iifname "{bridge}" ip daddr {LINK_LOCAL} reject
        iifname "{bridge}" ip saddr {subnet} accept
        oifname "{bridge}" ct state established,related accept"""
    nat = f"""
    chain nat {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {subnet} oifname != "{bridge}" masquerade
    }}"""
    return f"""\
table inet {table} {{
}}
delete table inet {table}
table inet {table} {{
    chain host {{
        type filter hook input priority filter; policy accept;
        iifname != "{bridge}" accept
        ct state established,related accept
        ip saddr {subnet} ip daddr {gateway} tcp dport {node_port} accept
        ip saddr {subnet} ip daddr {gateway} icmp type echo-request accept
        drop
    }}
    chain forwarded {{
        type filter hook forward priority filter; policy accept;
        iifname "{bridge}" oifname "{bridge}" accept{outward if egress else ""}
        iifname "{bridge}" drop
        oifname "{bridge}" drop
    }}{nat if egress else ""}
}}
"""


def apply(rules: str, *, timeout: float) -> None:
    run(["nft", "--file", "-"], timeout=timeout, stdin=rules)


def remove(table: str, *, timeout: float) -> None:
    apply(f"table inet {table} {{\n}}\ndelete table inet {table}\n", timeout=timeout)


def tables(prefix: str, *, timeout: float) -> tuple[str, ...]:
    listed = run(["nft", "list", "tables", "inet"], timeout=timeout)
    found = (line.split()[-1] for line in listed.splitlines() if line.startswith("table inet "))
    return tuple(table for table in found if table.startswith(prefix))


def except_from_docker(bridge: str, comment: str, *, timeout: float) -> None:
    """Insert the exceptions for a bridge unless they are there, or the host has no such chain."""
    saved = _saved_rules(timeout=timeout)
    wanted = (("--in-interface", bridge), ("--out-interface", bridge))
    if f":{DOCKER_CHAIN} " not in saved or len(exceptions(saved, comment)) == len(wanted):
        return
    for match in wanted:
        rule = (DOCKER_CHAIN, *match, "--match", "comment", "--comment", comment, "--jump", "ACCEPT")
        run(["iptables", "--wait", "--insert", *rule], timeout=timeout)


def remove_docker_exceptions(comment_prefix: str, *, timeout: float) -> None:
    for rule in exceptions(_saved_rules(timeout=timeout), comment_prefix):
        run(["iptables", "--wait", "--delete", *rule], timeout=timeout)


def exceptions(saved: str, comment_prefix: str) -> tuple[tuple[str, ...], ...]:
    """Find ours among saved rules, each as the words that name it to `iptables --delete`."""
    lines = (shlex.split(line) for line in saved.splitlines() if line.startswith(f"-A {DOCKER_CHAIN} "))
    return tuple(tuple(words[1:]) for words in lines if any(word.startswith(comment_prefix) for word in words))


def _saved_rules(*, timeout: float) -> str:
    if not installed("iptables-save"):  # a Docker engine would have brought it
        return ""
    return run(["iptables-save", "--table", "filter"], timeout=timeout)
