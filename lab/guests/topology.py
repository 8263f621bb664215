"""Which networks there are to be on this host, as follows from what Neutron says. Nothing is made here.

All bridges are in one namespace, the fabric, one for each network of Neutron's and none of them with an address, so
that networks of tenants may have the same addresses. Whoever has ports is a namespace of its own: a router, a load
balancer, a guest. The host itself is on the external network, as its gateway, and so reaches floating addresses.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network

import msgspec

from .cloud import FloatingAddress, Networks, Port, Subnet

ROUTER_GATEWAY, ROUTER_INTERFACE = "network:router_gateway", "network:router_interface"
BALANCER = "Octavia"
SERVER_PREFIX = "compute:"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A cable between a namespace and a bridge."""

    name: str
    """In the namespace."""
    tap: str
    """In the fabric. A network interface's name has at most 15 characters."""
    bridge: str
    hardware: str
    addresses: tuple[str, ...]
    """With their prefix."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace with what it has of networks."""

    links: tuple[Link, ...]
    routes: tuple[str, ...] = ()
    """As `ip route` takes them."""
    rules: str = ""
    """As `nft` takes them; a namespace with rules forwards."""


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    bridges: frozenset[str]
    routers: Mapping[str, Node]
    balancers: Mapping[str, Node]
    guests: Mapping[str, Node]
    uplink_bridge: str | None = None
    """That of the external network that the host is on."""
    uplink_address: str = ""


def plan(networks: Networks, floating: IPv4Network, services: str) -> Topology:
    """Decide it all: `floating` is the range that the host is a part of, `services` where the lab's services are."""
    subnets = {subnet.id: subnet for subnet in networks.subnets}
    of_device: dict[str, list[Port]] = {}
    for port in networks.ports:
        if _kind(port):
            of_device.setdefault(port.device_id, []).append(port)
    nodes: dict[str, dict[str, Node]] = {"router": {}, "balancer": {}, "guest": {}}
    for device, ports in of_device.items():
        kind = _kind(ports[0])
        if kind == "router":
            node = router(ports, subnets, [one for one in networks.floating if one.router_id == device], services)
        else:
            node = host(ports, subnets)
        nodes[kind][device] = node
    outside = next((subnet for subnet in networks.subnets if IPv4Network(subnet.cidr) == floating), None)
    return Topology(
        bridges=frozenset(bridge(subnet.network_id) for subnet in networks.subnets),
        routers=nodes["router"],
        balancers=nodes["balancer"],
        guests=nodes["guest"],
        uplink_bridge=bridge(outside.network_id) if outside else None,
        uplink_address=f"{outside.gateway_ip}/{floating.prefixlen}" if outside else "",
    )


def _kind(port: Port) -> str:
    """Say what has a port; nothing if it is nothing that runs here."""
    if port.device_owner in (ROUTER_GATEWAY, ROUTER_INTERFACE):
        return "router"
    if port.device_owner == BALANCER and port.device_id:
        return "balancer"
    return "guest" if port.device_owner.startswith(SERVER_PREFIX) else ""


def bridge(network: str) -> str:
    return f"b{network[:13]}"


def link(port: Port, name: str, subnets: Mapping[str, Subnet], *more: str) -> Link:
    fixed = [one for one in port.fixed_ips if one.subnet_id in subnets]
    prefixes = [IPv4Network(subnets[one.subnet_id].cidr).prefixlen for one in fixed]
    addresses = (f"{one.ip_address}/{prefix}" for one, prefix in zip(fixed, prefixes, strict=True))
    return Link(
        name=name,
        tap=f"t{port.id[:13]}",
        bridge=bridge(port.network_id),
        hardware=port.mac_address,
        addresses=(*addresses, *more),
    )


def host(ports: Iterable[Port], subnets: Mapping[str, Subnet]) -> Node:
    """Give a server or a load balancer: addresses, and the routes that DHCP would tell."""
    ordered = sorted(ports, key=lambda port: (port.id,))
    links = tuple(link(port, f"eth{number}", subnets) for number, port in enumerate(ordered))
    own = [subnets[one.subnet_id] for port in ordered for one in port.fixed_ips if one.subnet_id in subnets]
    gateways = [f"default via {subnet.gateway_ip}" for subnet in own if subnet.gateway_ip]
    more = [f"{route.destination} via {route.nexthop}" for subnet in own for route in subnet.host_routes]
    return Node(links=links, routes=(*gateways[:1], *dict.fromkeys(more)))


def router(
    ports: Iterable[Port], subnets: Mapping[str, Subnet], floating: Iterable[FloatingAddress], services: str
) -> Node:
    """Give a router: towards the outside it has its own address, and those that float and lead to a port of its own."""
    used = sorted(
        (one.floating_ip_address, one.fixed_ip_address) for one in floating if one.fixed_ip_address is not None
    )
    links, routes, outer, outer_range = [], [], "", ""
    for port in sorted(ports, key=lambda port: port.id):
        if port.device_owner == ROUTER_GATEWAY:
            links.append(link(port, "outside", subnets, *(f"{address}/32" for address, _ in used)))
            for one in (one for one in port.fixed_ips if one.subnet_id in subnets):
                outer, outer_range = one.ip_address, subnets[one.subnet_id].cidr
                gateway = subnets[one.subnet_id].gateway_ip
                routes = [f"default via {gateway}"] if gateway else []
        else:
            links.append(link(port, f"i{port.id[:13]}", subnets))
    rules = translation(used, outer, outer_range, services) if outer else "flush ruleset\n"
    return Node(links=tuple(links), routes=tuple(routes), rules=rules)


def translation(used: Iterable[tuple[str, str]], outer: str, outer_range: str, services: str) -> str:
    """Give the rules of a router with a way out. Who asks for what the host does not have is told so at once."""
    inward = "".join(f"        ip daddr {address} dnat to {fixed}\n" for address, fixed in used)
    outward = "".join(f'        oifname "outside" ip saddr {fixed} snat to {address}\n' for address, fixed in used)
    return f"""\
flush ruleset
table ip router {{
    chain inward {{
        type nat hook prerouting priority dstnat;
{inward}    }}
    chain forwarded {{
        type filter hook forward priority filter;
        oifname "outside" ip daddr != {{ {outer_range}, {services} }} reject
    }}
    chain outward {{
        type nat hook postrouting priority srcnat;
{outward}        oifname "outside" snat to {outer}
        ct status dnat ip saddr != {outer_range} masquerade
    }}
}}
"""
