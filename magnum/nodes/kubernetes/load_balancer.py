"""The load balancer in front of several masters: a machine of its own whose haproxy passes connections on as they are.

It holds no key and no certificate: TLS is between a client and an API server. A master that stops answering is left out
after two seconds, and connections to it are closed, so that whoever holds one opens another instead of waiting. Before
that, a connection that one of them refuses is tried at another one at once, so that starting one anew is not felt.
"""

from magnum.nodes.cloud_init import render
from magnum.nodes.files import NodeFile

from .cluster import KubernetesCluster

CONFIGURATION = "/etc/haproxy/haproxy.cfg"


def user_data(cluster: KubernetesCluster) -> str:
    """What makes a machine with haproxy the load balancer."""
    return render([NodeFile(CONFIGURATION, 0o644, configuration(cluster))], unit="haproxy.service")


def configuration(cluster: KubernetesCluster) -> bytes:
    port = cluster.api_port
    masters = "\n".join(f"    server {member.name} {member.address}:{port}" for member in cluster.masters)
    # An API server that wants to know who asks (401) is as ready as one that tells everybody.
    return f"""\
global
    user haproxy
    group haproxy
    maxconn 4096

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
