"""Stacks for Heat, as values."""

from typing import Any

VERSION = "2021-04-16"


def get(name: str) -> dict[str, str]:
    return {"get_resource": name}


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"type": f"OS::{kind}", "properties": properties}


def template(**resources: Any) -> dict[str, Any]:
    return {"heat_template_version": VERSION, "resources": resources}


SMALL = template(network=resource("Neutron::Net"))

EVERY_SERVICE = template(
    network=resource("Neutron::Net"),
    subnet=resource("Neutron::Subnet", network=get("network"), cidr="10.1.0.0/24"),
    router=resource("Neutron::Router", external_gateway_info={"network": "public"}),
    interface=resource("Neutron::RouterInterface", router=get("router"), subnet=get("subnet")),
    port=resource("Neutron::Port", network=get("network"), fixed_ips=[{"subnet": get("subnet")}]),
    floating=resource("Neutron::FloatingIP", floating_network="public", port_id=get("port"))
    | {"depends_on": "interface"},
    server=resource(
        "Nova::Server",
        image="debian-12",
        flavor="m1.small",
        key_name="key",
        networks=[{"port": get("port")}],
        user_data_format="RAW",
        user_data="#cloud-config\n",
    ),
    volume=resource("Cinder::Volume", size=1),
    attachment=resource("Cinder::VolumeAttachment", instance_uuid=get("server"), volume_id=get("volume")),
    balancer=resource("Octavia::LoadBalancer", vip_subnet=get("subnet"), provider="amphora"),
    listener=resource("Octavia::Listener", loadbalancer=get("balancer"), protocol="TCP", protocol_port=6443),
    pool=resource("Octavia::Pool", listener=get("listener"), protocol="TCP", lb_algorithm="ROUND_ROBIN"),
    monitor=resource("Octavia::HealthMonitor", pool=get("pool"), type="TCP", delay=5, max_retries=3, timeout=4),
    member=resource(
        "Octavia::PoolMember",
        pool=get("pool"),
        address={"get_attr": ["port", "fixed_ips", 0, "ip_address"]},
        subnet=get("subnet"),
        protocol_port=6443,
    ),
    secret=resource("Barbican::Secret", payload="kept"),
)
