"""The load balancer in front of several masters: a machine of its own whose haproxy passes connections on as they are.

It holds no key and no certificate: TLS is between a client and an API server. A master that stops answering is left out
after two seconds, and connections to it are closed, so that whoever holds one opens another instead of waiting. Before
that, a connection that one of them refuses is tried at another one at once, so that starting one anew is not felt.

Whom it passes them to stands in a file that it is given from outside and that may change at any time: haproxy then
reads it anew, and connections that are there stay.
"""

from collections.abc import Sequence
from pathlib import Path

from magnum.nodes.cloud_init import render
from magnum.nodes.files import NodeFile

from .cluster import KubernetesCluster, Member

CONFIGURATION = "haproxy.cfg"
_UNITS = "/etc/systemd/system"
_RELOAD = "haproxy-reload"


def user_data(folder: Path) -> str:
    """What makes a machine with haproxy the load balancer that the file in this folder describes."""
    path = folder / CONFIGURATION
    # It watches before haproxy reads, so no change is missed; and it goes on however often there is one.
    service = f"""\
[Unit]
Wants={_RELOAD}.path
After={_RELOAD}.path

[Service]
Environment=CONFIG={path}
"""
    watch = f"""\
[Unit]
Description=Changes of the masters that connections are passed on to
StartLimitIntervalSec=0

[Path]
PathChanged={path}
"""
    reload = """\
[Unit]
Description=Let haproxy know the masters that connections are passed on to
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/bin/systemctl reload-or-restart haproxy.service
"""
    files = {
        "haproxy.service.d/magnum.conf": service,
        f"{_RELOAD}.path": watch,
        f"{_RELOAD}.service": reload,
    }
    return render(
        [NodeFile(f"{_UNITS}/{name}", 0o644, text.encode()) for name, text in files.items()], unit="haproxy.service"
    )


def configuration(cluster: KubernetesCluster, members: Sequence[Member]) -> bytes:
    """Pass connections on to these. Who has been connected before a change goes on for five minutes at most.

    For the process that holds such a connection looks at nobody's health any more.
    """
    port = cluster.api_port
    masters = "\n".join(f"    server {member.name} {member.address}:{port}" for member in members)
    # An API server that wants to know who asks (401) is as ready as one that tells everybody.
    return f"""\
global
    user haproxy
    group haproxy
    maxconn 4096
    hard-stop-after 5m

defaults
    mode tcp
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    timeout check 1s
    option redispatch 1

frontend api
    bind {cluster.api}:{port}
    default_backend masters

backend masters
    balance leastconn
    option httpchk GET /readyz
    http-check expect rstatus ^(200|401)$
    default-server check check-ssl verify none inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
{masters}
""".encode()
