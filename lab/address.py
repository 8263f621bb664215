"""The lab's own address: on the host's loopback device, where the host and the lab's guests reach it, and nobody else.

It is taken when the lab starts and given back when it is stopped. What a guest may reach on the host is decided here,
too: the first ports from the lab's first on, on this address, and nothing else.
"""

import json

from magnum.drivers.local import firewall
from magnum.drivers.local.commands import run

from .settings import Lab

SECONDS = 10.0
DEVICE = "lo"
OPEN_PORTS = 32
"""The lab's, and some for another service of ours that is tried with it."""


def uplink(lab: Lab) -> str:
    """Give the name of the interface by which the host is on the external network."""
    return f"lab{lab.written.port}"


def take(lab: Lab) -> bool:
    """Take the address; say whether that was needed."""
    firewall.apply(ruleset(lab), timeout=SECONDS)
    if lab.address in _present():
        return False
    run(["ip", "address", "add", f"{lab.address}/32", "dev", DEVICE], timeout=SECONDS)
    return True


def give_back(lab: Lab) -> bool:
    present = lab.address in _present()
    if present:
        run(["ip", "address", "delete", f"{lab.address}/32", "dev", DEVICE], timeout=SECONDS)
    firewall.remove(table(lab), timeout=SECONDS)
    return present


def table(lab: Lab) -> str:
    return f"magnum_lab_{lab.written.port}"


def ruleset(lab: Lab) -> str:
    first = lab.written.port
    return f"""\
table inet {table(lab)} {{
}}
delete table inet {table(lab)}
table inet {table(lab)} {{
    chain host {{
        type filter hook input priority filter; policy accept;
        iifname != {{ "lo", "{uplink(lab)}" }} ip daddr {{ {lab.address}, {lab.floating} }} drop
        iifname != "{uplink(lab)}" accept
        ct state established,related accept
        ip saddr {lab.floating} ip daddr {lab.address} tcp dport {first}-{first + OPEN_PORTS - 1} accept
        ip saddr {lab.floating} icmp type echo-request accept
        reject
    }}
    chain forwarded {{
        type filter hook forward priority filter; policy accept;
        iifname "{uplink(lab)}" reject
        oifname "{uplink(lab)}" drop
    }}
}}
"""


def _present() -> set[str]:
    listed = json.loads(run(["ip", "-json", "-4", "address", "show", "dev", DEVICE], timeout=SECONDS))
    return {entry["local"] for link in listed for entry in link["addr_info"]}
