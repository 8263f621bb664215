"""Rows of a small cluster of Kubernetes, as a driver's context gives them."""

from types import SimpleNamespace

from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node
from magnum.model.operations import CreateCluster

UUID = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"
CREATE = CreateCluster()
COMMON = {"uuid": UUID, "name": "web", "project_id": "p", "user_id": "u"}


class Context:
    """As much of a driver's context as this uses."""

    def __init__(self, *, masters=1, labels=None, balanced=False, worker_labels=None, arguments=CREATE):
        self.cluster = Cluster(
            **COMMON, cluster_template_id="t", status=None, labels=labels or {}, master_lb_enabled=balanced
        )
        self.template = ClusterTemplate(
            **COMMON, coe="kubernetes", image_id="debian-12", cluster_distro="debian", network_driver="bridge"
        )
        group = {"cluster_id": UUID, "project_id": "p"}
        self.nodegroups = (
            NodeGroup(uuid="masters", name="default-master", role="master", node_count=masters, **group),
            NodeGroup(
                uuid="workers",
                name="default-worker",
                role="worker",
                node_count=1,
                labels=worker_labels or {},
                **group,
            ),
        )
        rows = [("masters", "master", number) for number in range(1, masters + 1)] + [("workers", "worker", 1)]
        self.nodes = tuple(
            Node(
                uuid=f"{role} {number}",
                cluster_uuid=UUID,
                nodegroup_uuid=group,
                number=number,
                name=f"web-{role}-{number}",
                role=role,
                address=f"10.77.5.{10 + index}",
            )
            for index, (group, role, number) in enumerate(rows)
        )
        self.changing = self.nodes
        self.operation = SimpleNamespace(arguments=arguments)
        self.secrets = {}
        self.told = []

    def secret(self, name, make):
        return self.secrets.setdefault(name, make())

    def event(self, text, **_):
        self.told.append(text)
