"""The network driver `bridge`: pods hang on a bridge of their node, and nodes know the way to each other's pods.

Which pods a node has follows from its address, so every node has the routes to all nodes that can ever be, from its
first boot on; nothing has to be changed on it when others come and go. Needs machines that reach each other directly.
"""

import json

from .cluster import KubernetesCluster, KubernetesNode
from .paths import FOLDER

ROUTES = f"{FOLDER}/pod-routes"
_BRIDGE = "cni0"


def routes(cluster: KubernetesCluster, node: KubernetesNode) -> bytes:
    """Write for `ip -batch`: the ways to other nodes' pods, and one for services.

    An address of a service is replaced by a pod's before a packet leaves, but without any route it is refused before
    that; machines may have no default route.
    """
    gateway = cluster.network[1]
    lines = [f"route replace {cluster.services} via {gateway}"]
    peers = (peer for peer in cluster.network.hosts() if peer not in (gateway, node.address))
    lines += [f"route replace {cluster.pods_of(peer)} via {peer}" for peer in peers]
    return ("\n".join(lines) + "\n").encode()


def cni_configuration(cluster: KubernetesCluster, node: KubernetesNode) -> bytes:
    bridge = {
        "type": "bridge",
        "bridge": _BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(cluster.pods_of(node.address))}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            # Forgotten at a reboot, as the pods are that had the addresses.
            "dataDir": "/run/cni",
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    configuration = {"cniVersion": "0.4.0", "name": "magnum", "plugins": [bridge, portmap]}
    return (json.dumps(configuration, indent=2) + "\n").encode()


def unit(cluster: KubernetesCluster, node: KubernetesNode) -> bytes:
    """What goes from a pod to somewhere that knows no pods, goes in its node's name; to no service, it goes nowhere."""
    own = cluster.pods_of(node.address)
    rules = [
        f"nat POSTROUTING --source {own} ! --destination {cluster.pods} --jump MASQUERADE",
        f"filter OUTPUT --destination {cluster.services} --jump REJECT",
        f"filter FORWARD --destination {cluster.services} --jump REJECT",
    ]
    commands = "\n".join(_ensure_rule(*rule.split(" ", 1)) for rule in rules)
    return f"""\
[Unit]
Description=Ways to the pods of other nodes
After=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/sysctl --quiet --write net.ipv4.ip_forward=1
ExecStart=/sbin/ip -batch {ROUTES}
{commands}

[Install]
WantedBy=multi-user.target
""".encode()


def _ensure_rule(table: str, rule: str) -> str:
    command = f"iptables --wait --table {table}"
    return f"ExecStart=/bin/sh -c '{command} --check {rule} 2>/dev/null || {command} --append {rule}'"
