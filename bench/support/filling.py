"""Fills a database with clusters, past the API: each has two node groups, and all are one project's."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table

from magnum.db import clustertemplates, operations
from magnum.db.engine import Database
from magnum.db.rows import values
from magnum.db.tables import cluster as clusters
from magnum.db.tables import nodegroup as nodegroups
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.names import new_uuid
from magnum.model.nodegroups import NodeGroup
from magnum.model.statuses import Status

TEMPLATE = "00000000-0000-4000-8000-000000000001"
_AT_ONCE = 500


class Filling:
    def __init__(self, database: Database, project: str) -> None:
        self._database = database
        self._project = project
        self._random = random.Random(1)
        self.first = ""
        self.count = 0
        database.write(lambda tx: clustertemplates.insert(tx, template(project)))

    def up_to(self, count: int) -> None:
        """Let there be so many clusters."""
        while self.count < count:
            made = [self._make(number) for number in range(self.count, min(count, self.count + _AT_ONCE))]
            self.first = self.first or made[0][0].uuid
            self.count += len(made)
            self._database.write(lambda tx, made=made: _insert(tx, made))

    def _make(self, number: int) -> tuple[Cluster, NodeGroup, NodeGroup]:
        uuid = new_uuid(self._random)
        master, worker = (nodegroup(new_uuid(self._random), uuid, role, self._project) for role in ("master", "worker"))
        return cluster(uuid, number, self._project), master, worker


def _insert(tx: Connection, made: list[tuple[Cluster, NodeGroup, NodeGroup]]) -> None:
    _insert_all(tx, clusters, (new for new, _, _ in made))
    _insert_all(tx, nodegroups, (group for _, *groups in made for group in groups))
    for new, *_ in made:
        operations.create_state(tx, new.uuid)


def _insert_all(tx: Connection, table: Table, structs: Iterator[Any]) -> None:
    created = {"created_at": datetime(2026, 1, 1, tzinfo=UTC)}
    tx.execute(table.insert(), [values(table, struct) | created for struct in structs])


def template(project: str) -> ClusterTemplate:
    return ClusterTemplate(
        uuid=TEMPLATE,
        name="swarm",
        project_id=project,
        user_id="amy",
        coe="swarm-mode",
        image_id="fake",
        cluster_distro="fake",
        driver="fake",
        labels={"size": "small"},
    )


def cluster(uuid: str, number: int, project: str) -> Cluster:
    return Cluster(
        uuid=uuid,
        name=f"cluster-{number}",
        project_id=project,
        user_id="amy",
        cluster_template_id=TEMPLATE,
        status=Status.CREATE_COMPLETE,
        status_reason="All is well.",
        keypair="key",
        labels={"size": "small", "colour": "green", "purpose": "to be measured"},
        flavor_id="m1.small",
        master_flavor_id="m1.small",
        create_timeout=60,
        api_address="tcp://10.0.0.1:2376",
        coe_version="28.0",
        health_status="HEALTHY",
        health_status_reason={"api": "ok"},
        floating_ip_enabled=True,
        master_lb_enabled=False,
    )


def nodegroup(uuid: str, cluster_uuid: str, role: str, project: str) -> NodeGroup:
    return NodeGroup(
        uuid=uuid,
        name=f"default-{role}",
        cluster_id=cluster_uuid,
        project_id=project,
        role=role,
        node_count=3,
        is_default=True,
        node_addresses=("10.0.0.1", "10.0.0.2", "10.0.0.3"),
        status=Status.CREATE_COMPLETE,
    )
