import re
from ipaddress import IPv4Address, IPv4Network

import pytest
import yaml

from magnum.nodes.kubernetes.cluster import ClusterSecrets, KubernetesCluster, KubernetesNode, Member
from magnum.nodes.kubernetes.files import kubernetes_files
from magnum.nodes.kubernetes.versions import Version

MASTER = IPv4Address("10.77.5.10")
WORKER = IPv4Address("10.77.5.11")
SECRETS = ClusterSecrets("-----BEGIN PRIVATE KEY-----\nMIIhush\n-----END PRIVATE KEY-----\n", "c" * 43 + "=")


def make_cluster(minor=20, **changes):
    given = {
        "uuid": "5d12f6fd-a196-4bf0-ae4c-1f639a523a52",
        "version": Version.parse(f"v1.{minor}.3"),
        "network": IPv4Network("10.77.5.0/24"),
        "masters": (Member("web-master-1", MASTER),),
        "api": MASTER,
    }
    return KubernetesCluster(**(given | changes))


@pytest.fixture
def new_cluster():
    return make_cluster


@pytest.fixture
def master():
    return KubernetesNode(
        name="web-master-1", address=MASTER, nodegroup="default-master", role="master", secrets=SECRETS
    )


@pytest.fixture
def worker():
    return KubernetesNode(name="web-worker-1", address=WORKER, nodegroup="default-worker", role="worker")


@pytest.fixture
def rendered(new_cluster, master, worker):
    def render(minor, role="master", **changes):
        node = {"master": master, "worker": worker}[role]
        return {file.path: file for file in kubernetes_files(new_cluster(minor, **changes), node)}

    return render


def flags(files, unit):
    """Give the flags of a unit's program."""
    text = files[f"/etc/systemd/system/{unit}.service"].content.decode()
    command = re.search(r"^ExecStart=(.*?[^\\])$", text, re.MULTILINE | re.DOTALL)[1]
    words = command.replace("\\\n", " ").split()
    return dict(word.removeprefix("--").partition("=")[::2] for word in words[1:])


def content(files, name):
    return yaml.safe_load(files[f"/etc/kubernetes/{name}"].content)
