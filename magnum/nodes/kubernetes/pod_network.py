"""How packets find the pods of a node and of others, as far as the node itself sees to it.

With the network driver `bridge` it does all: pods hang on a bridge of their node, and nodes know the way to each
other's pods. Which pods a node has follows from its address, so every node has the routes to all nodes that can ever
be, from its first boot on; nothing has to be changed on it when others come and go. Needs machines that reach each
other directly.

With `flannel` and `calico` an add-on does it, which brings its own CNI plug-ins and configuration to every node. Until
then no node is ready. The node gives it a folder with the plug-ins that the system has, and what it expects of the
kernel.
"""

import json
from collections.abc import Iterator

from magnum.nodes.files import NodeFile

from .cluster import KubernetesCluster, KubernetesNode, NetworkDriver
from .paths import FOLDER, UNITS

CNI_CONFIGURATION = "/etc/cni/net.d"
SYSTEM_PLUGINS = "/usr/lib/cni"
FEDORA_PLUGINS = "/usr/libexec/cni"
ADDON_PLUGINS = "/opt/cni/bin"
"""Where add-ons put theirs, wherever they are run."""
ROUTES = f"{FOLDER}/pod-routes"
_BRIDGE = "cni0"


def network_files(cluster: KubernetesCluster, node: KubernetesNode) -> list[NodeFile]:
    files = [
        NodeFile(ROUTES, 0o644, _routes(cluster, node)),
        NodeFile(f"{UNITS}/pod-network.service", 0o644, _unit(cluster, node)),
    ]
    if cluster.network_driver is NetworkDriver.BRIDGE:
        files.append(NodeFile(f"{CNI_CONFIGURATION}/10-magnum.conflist", 0o644, _cni_configuration(cluster, node)))
    return files


def plugins_folder(cluster: KubernetesCluster) -> str:
    bridged = cluster.network_driver is NetworkDriver.BRIDGE and cluster.images is None
    return SYSTEM_PLUGINS if bridged else ADDON_PLUGINS


def _routes(cluster: KubernetesCluster, node: KubernetesNode) -> bytes:
    """Write for `ip -batch`: one for services, and the ways to other nodes' pods where nobody else sees to them.

    An address of a service is replaced by a pod's before a packet leaves, but without any route it is refused before
    that.
    """
    gateway = cluster.network[1]
    lines = [] if cluster.default_route else [f"route replace {cluster.services} via {gateway}"]
    if cluster.network_driver is NetworkDriver.BRIDGE:
        nobody = () if cluster.default_route else (gateway,)
        peers = (peer for peer in cluster.network.hosts() if peer not in (*nobody, node.address))
        lines += [f"route replace {cluster.pods_of(peer)} via {peer}" for peer in peers]
    return "".join(line + "\n" for line in lines).encode()


def _cni_configuration(cluster: KubernetesCluster, node: KubernetesNode) -> bytes:
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


def _unit(cluster: KubernetesCluster, node: KubernetesNode) -> bytes:
    commands = "\n".join(f"ExecStart={command}" for command in _commands(cluster, node))
    return f"""\
[Unit]
Description=Ways to the pods of other nodes
After=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
{commands}

[Install]
WantedBy=multi-user.target
""".encode()


def _commands(cluster: KubernetesCluster, node: KubernetesNode) -> Iterator[str]:
    """Give what is run at every boot, and may be run again. To a service that nobody offers, packets go nowhere."""
    yield "/sbin/sysctl --quiet --write net.ipv4.ip_forward=1"
    if cluster.network_driver is NetworkDriver.CALICO:
        # It drops what comes from an address that is not its sender's, and starts only where the kernel does so too.
        yield "/sbin/sysctl --quiet --write net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1"
    yield f"/sbin/ip -batch {ROUTES}"
    if cluster.network_driver is NetworkDriver.BRIDGE:
        # What goes from a pod to somewhere that knows no pods, goes in its node's name.
        own = cluster.pods_of(node.address)
        yield _ensure_rule("nat", f"POSTROUTING --source {own} ! --destination {cluster.pods} --jump MASQUERADE")
    if plugins_folder(cluster) == ADDON_PLUGINS:
        yield f"/bin/mkdir --parents {ADDON_PLUGINS}"
        # A plug-in of the add-on's own has a name of its own, or takes the place of the system's.
        yield (
            f"/bin/sh -c 'for plugin in {SYSTEM_PLUGINS}/* {FEDORA_PLUGINS}/*; do "
            f"own={ADDON_PLUGINS}/$${{plugin##*/}}; "
            "[ ! -e $$plugin ] || [ -e $$own ] || ln --symbolic $$plugin $$own; done'"
        )
    for chain in ("OUTPUT", "FORWARD"):
        yield _ensure_rule("filter", f"{chain} --destination {cluster.services} --jump REJECT")


def _ensure_rule(table: str, rule: str) -> str:
    command = f"iptables --wait --table {table}"
    return f"/bin/sh -c '{command} --check {rule} 2>/dev/null || {command} --append {rule}'"
