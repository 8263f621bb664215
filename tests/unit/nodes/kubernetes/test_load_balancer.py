import base64
import gzip
from ipaddress import IPv4Address
from pathlib import Path

import yaml

from magnum.nodes.kubernetes import load_balancer
from magnum.nodes.kubernetes.cluster import Member

MASTERS = tuple(Member(f"web-master-{number}", IPv4Address(f"10.77.5.{9 + number}")) for number in (1, 2, 3))


def test_it_passes_connections_on_to_every_master(new_cluster):
    cluster = new_cluster(masters=MASTERS, api=IPv4Address("10.77.5.2"), api_port=7443)
    lines = [line.strip() for line in load_balancer.configuration(cluster, MASTERS).decode().splitlines()]
    assert "bind 10.77.5.2:7443" in lines
    assert "mode tcp" in lines
    assert [line for line in lines if line.startswith("server ")] == [
        f"server {member.name} {member.address}:7443" for member in MASTERS
    ]


def test_its_machine_is_told_nothing_secret_and_follows_a_file(new_cluster):
    document = yaml.safe_load(load_balancer.user_data(Path("/var/lib/seen")))
    contents = {entry["path"].rpartition("/")[2]: content_of(entry) for entry in document["write_files"]}
    assert contents.keys() == {"magnum.conf", "haproxy-reload.path", "haproxy-reload.service"}
    assert "CONFIG=/var/lib/seen/haproxy.cfg" in contents["magnum.conf"]
    assert "PathChanged=/var/lib/seen/haproxy.cfg" in contents["haproxy-reload.path"]
    assert "bootcmd" not in document
    assert ["systemctl", "enable", "haproxy.service"] in document["runcmd"]


def content_of(entry):
    if "encoding" not in entry:
        return entry["content"]
    return gzip.decompress(base64.b64decode(entry["content"])).decode()


def test_masters_answer_to_the_address_of_the_load_balancer(new_cluster, master):
    from magnum.nodes.kubernetes.certificates import certificates_of

    cluster = new_cluster(masters=MASTERS, api=IPv4Address("10.77.5.2"))
    [api] = [certificate for certificate in certificates_of(cluster, master) if certificate.name == "apiserver"]
    assert {"10.77.5.2", "10.77.5.10"} <= set(api.addresses)


def test_members_of_etcd_begin_together(new_cluster, master):
    from magnum.nodes.kubernetes.control_plane import etcd

    flags = etcd(new_cluster(masters=MASTERS, api=IPv4Address("10.77.5.2")), master)
    assert flags["initial-cluster"] == ",".join(f"{member.name}=https://{member.address}:2380" for member in MASTERS)
    assert flags["initial-cluster-state"] == "new"
