"""A load balancer as Octavia tells of it, and the same for haproxy. Nothing here runs anything.

Listeners of TCP, HTTP and HTTPS that is passed through are served. Where TLS ends in the balancer, or UDP is balanced,
the lab has nothing that does it: such a listener is left out, and said so in the configuration.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from .cloud import Cloud

HEAD = """\
global
    user haproxy
    group haproxy
    nbthread 1
    maxconn 4000
defaults
    timeout connect 5s
    timeout client 50s
    timeout server 50s
"""
MODES = {"TCP": "tcp", "HTTPS": "tcp", "HTTP": "http"}
"""By the protocol of a listener."""
ALGORITHMS = {"ROUND_ROBIN": "roundrobin", "LEAST_CONNECTIONS": "leastconn", "SOURCE_IP": "source"}
CHECKS = {
    "HTTP": "check",
    "HTTPS": "check check-ssl verify none",
    "TLS-HELLO": "check check-ssl verify none",
    "TCP": "check",
    "PING": "check",
}
"""By the type of a monitor; who answers a ping only is not told from who listens."""


class Balancer(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    vip_address: str
    provisioning_status: str
    updated_at: str | None
    admin_state_up: bool = True


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    protocol: str
    protocol_port: int
    admin_state_up: bool
    default_pool_id: str | None = None
    connection_limit: int = -1
    allowed_cidrs: tuple[str, ...] | None = None
    timeout_client_data: int = 50000
    timeout_member_connect: int = 5000
    timeout_member_data: int = 50000


class Member(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    address: str
    protocol_port: int
    weight: int
    admin_state_up: bool
    backup: bool = False
    monitor_address: str | None = None
    monitor_port: int | None = None


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    delay: int
    timeout: int
    max_retries: int
    max_retries_down: int
    admin_state_up: bool
    http_method: str | None = None
    url_path: str | None = None
    expected_codes: str | None = None


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    protocol: str
    lb_algorithm: str
    admin_state_up: bool
    session_persistence: dict[str, Any] | None = None
    members: tuple[Member, ...]
    monitor: Monitor | None


def balancers(cloud: Cloud) -> list[Balancer]:
    return cloud.all_of("load-balancer", "/v2/lbaas/loadbalancers", "loadbalancers", list[Balancer])


def parts(cloud: Cloud, balancer: str) -> tuple[list[Listener], list[Pool]]:
    """Ask for all that a load balancer is made of."""

    def ask(kind: str, folder: str = "/v2/lbaas") -> list[dict[str, Any]]:
        return cloud.all_of("load-balancer", f"{folder}/{kind}", kind.partition("?")[0], list[dict[str, Any]])

    of_it = f"?loadbalancer_id={balancer}"
    pools = []
    for found in ask(f"pools{of_it}"):
        members = ask("members", f"/v2/lbaas/pools/{found['id']}")
        monitors = ask(f"healthmonitors?pool_id={found['id']}") if found.get("healthmonitor_id") else []
        pools.append(msgspec.convert({**found, "members": members, "monitor": next(iter(monitors), None)}, Pool))
    return msgspec.convert(ask(f"listeners{of_it}"), list[Listener]), pools


def configuration(balancer: Balancer, listeners: list[Listener], pools: list[Pool]) -> str:
    """Write it down for haproxy, the same for the same."""
    lines = [HEAD.rstrip()]
    if balancer.admin_state_up:
        served = {pool.id: pool for pool in pools if pool.admin_state_up}
        for listener in sorted(listeners, key=lambda listener: listener.protocol_port):
            lines += _frontend(balancer, listener, served)
    return "\n".join(lines) + "\n"


def _frontend(balancer: Balancer, listener: Listener, pools: dict[str, Pool]) -> Iterator[str]:
    if listener.protocol not in MODES:
        yield f"# {listener.protocol} at port {listener.protocol_port} is not served: the lab has nothing that does"
        return
    if not listener.admin_state_up:
        return
    mode = MODES[listener.protocol]
    yield f"frontend {listener.id}"
    yield f"    mode {mode}"
    yield f"    bind {balancer.vip_address}:{listener.protocol_port}"
    yield f"    timeout client {listener.timeout_client_data}ms"
    if listener.connection_limit >= 0:
        yield f"    maxconn {listener.connection_limit}"
    if listener.allowed_cidrs:
        yield f"    tcp-request connection reject unless {{ src {' '.join(listener.allowed_cidrs)} }}"
    if pool := pools.get(listener.default_pool_id or ""):
        name = f"{listener.id}-{pool.id}"
        yield f"    default_backend {name}"
        yield from _backend(name, mode, listener, pool)


def _backend(name: str, mode: str, listener: Listener, pool: Pool) -> Iterator[str]:
    monitor = pool.monitor if pool.monitor and pool.monitor.admin_state_up else None
    yield f"backend {name}"
    yield f"    mode {mode}"
    sticky = (pool.session_persistence or {}).get("type") == "SOURCE_IP"
    yield f"    balance {'source' if sticky else ALGORITHMS.get(pool.lb_algorithm, 'roundrobin')}"
    yield f"    timeout connect {listener.timeout_member_connect}ms"
    yield f"    timeout server {listener.timeout_member_data}ms"
    if mode == "http":
        yield "    option forwardfor"
    check = ""
    if monitor:
        yield f"    timeout check {monitor.timeout}s"
        if monitor.type in ("HTTP", "HTTPS"):
            yield f"    option httpchk {monitor.http_method or 'GET'} {monitor.url_path or '/'}"
            yield f"    http-check expect rstatus {_codes(monitor.expected_codes or '200')}"
        rise, fall = monitor.max_retries, monitor.max_retries_down
        check = f" {CHECKS.get(monitor.type, 'check')} inter {monitor.delay}s rise {rise} fall {fall}"
    proxy = " send-proxy" if pool.protocol == "PROXY" else ""
    for member in sorted(pool.members, key=lambda member: member.id):
        if member.admin_state_up:
            where = f"{member.address}:{member.protocol_port} weight {member.weight}"
            yield f"    server {member.id} {where}{proxy}{check}{_other(member, check)}"


def _other(member: Member, check: str) -> str:
    """Give what is a member's own: another place to be checked at, and whether it is for need only."""
    address = f" addr {member.monitor_address}" if check and member.monitor_address else ""
    port = f" port {member.monitor_port}" if check and member.monitor_port else ""
    return f"{address}{port}{' backup' if member.backup else ''}"


def _codes(expected: str) -> str:
    """Give Octavia's list or range of statuses as an expression."""
    codes: list[str] = []
    for part in expected.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        codes += [str(code) for code in range(int(first), int(last or first) + 1)]
    return f"^({'|'.join(codes)})$"
