"""What a step may know and do: the driver's side of a claim.

Every write of a step begins by verifying the claim under the cluster's lock, so a worker that was paused, superseded or
taken over changes nothing. Every provider call is begun only while the lease outlasts it, after one more look at the
claim. The first call of an operation is written down before it begins: from then on, what was asked for may be there.

When an operation's time is up its step is run once more, to look: then nothing new may be attempted or called any more.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import msgspec
from sqlalchemy import Connection

from magnum.certificates.encryption import Place
from magnum.db import authorities, cluster_secrets, clusters, credentials, ledger, nodegroups, nodes, operations
from magnum.db.errors import LeaseLost
from magnum.drivers.base import ClientTls, NodeTrustee
from magnum.model.clocks import MICROSECONDS, Clock
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.credentials import NodeCredential, hash_token
from magnum.model.events import EventLevel
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.ledger import CloudResource, ResourceState
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node
from magnum.model.operations import Operation, UpgradeNodeGroup
from magnum.model.signing import CaType, NodeLimits
from magnum.model.trusts import TRUSTEE_TRUST
from magnum.openstack.errors import CloudError
from magnum.openstack.trustees import keystone_of_nodes

from .events import record
from .lease import Lease
from .rows import Rows
from .secrets import lend_client_tls, open_client_tls, store_failures, trustee_place
from .services import ConductorServices

T = TypeVar("T")

_CLUSTER_COLUMNS = frozenset({"api_address", "coe_version", "container_version", "stack_id"})
_TOKEN_LIFETIME = 24 * 3600
"""Seconds that a node's credential lasts when its operation has no deadline."""


class CallForbidden(Exception):  # noqa: N818  not a defect: it ends the last look
    """The step wanted to act when it was only to look. The text says what is still to be done."""


class StepContext:
    """Implements `DriverContext`."""

    def __init__(self, services: ConductorServices, lease: Lease, rows: Rows, *, look_only: bool = False) -> None:
        self.services = services
        self._lease = lease
        self._rows = rows
        self._look_only = look_only
        self._nodes = {node.uuid: node for node in rows.nodes}
        self._client_tls: dict[CaType, ClientTls] = {}

    @property
    def clock(self) -> Clock:
        return self.services.clock

    @property
    def rows(self) -> Rows:
        return self._rows

    @property
    def operation(self) -> Operation:
        return self._rows.operation

    @property
    def cluster(self) -> Cluster:
        return self._rows.cluster

    @property
    def template(self) -> ClusterTemplate:
        assert self._rows.template is not None, "the driver was found by it"
        return self._rows.template

    @property
    def nodegroups(self) -> tuple[NodeGroup, ...]:
        return self._rows.nodegroups

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(self._nodes.values())

    @property
    def changing(self) -> tuple[Node, ...]:
        about = self.operation.nodegroup_uuid
        groups = {about} | self._upgraded_together()
        return tuple(node for node in self.nodes if about is None or node.nodegroup_uuid in groups)

    def _upgraded_together(self) -> set[str]:
        """Give the default groups when one of them is upgraded: they are of one version."""
        defaults = {group.uuid for group in self.nodegroups if group.is_default}
        upgrading = isinstance(self.operation.arguments, UpgradeNodeGroup)
        return defaults if upgrading and self.operation.nodegroup_uuid in defaults else set()

    @contextmanager
    def provider_call(self, what: str, *, timeout: float) -> Iterator[None]:
        if self._look_only:
            raise CallForbidden(what)
        self._lease.outlast(timeout)
        first = not self.operation.accepted
        if first:
            self._mark_accepted(accepted=True)
        else:
            self.services.database.write(lambda tx: operations.verify(tx, self._lease.claim))
        if self._lease.remaining() < timeout:  # the database was slow to answer, or we were paused
            raise LeaseLost(self.cluster.uuid)
        self.services.trace(f"call: {what}")
        try:
            yield
        except Fatal:
            if first:
                self._mark_accepted(accepted=False)
            raise
        finally:
            self.services.trace(f"called: {what}")

    def attempt(self, kind: str, name: str) -> CloudResource:
        if self._look_only:
            return self._attempted(kind, name)
        return self.write(lambda tx: ledger.attempt(tx, self.cluster.uuid, kind, name))

    def confirm(self, resource: CloudResource, provider_id: str) -> None:
        self.write(lambda tx: ledger.confirm(tx, resource.id, provider_id))

    def gone(self, resource: CloudResource) -> None:
        self.write(lambda tx: ledger.gone(tx, resource.id))

    def resources(self, kind: str | None = None) -> tuple[CloudResource, ...]:
        rows = self.services.database.read(lambda tx: ledger.of_cluster(tx, self.cluster.uuid))
        return tuple(row for row in rows if kind in (None, row.kind))

    def save_node(self, node: Node) -> None:
        self.write(lambda tx: nodes.save(tx, node))
        self._nodes[node.uuid] = node

    def remove_node(self, node: Node) -> None:
        def remove(tx: Connection) -> None:
            nodes.delete(tx, node.uuid)
            credentials.end_node(tx, node.uuid)

        self.write(remove)
        self._nodes.pop(node.uuid, None)

    def update_cluster(self, **changes: object) -> None:
        unknown = changes.keys() - _CLUSTER_COLUMNS
        if unknown:
            raise TypeError(f"a driver may not set {', '.join(sorted(unknown))} of a cluster")
        self.set_cluster(changes)

    def set_cluster(self, changes: Mapping[str, object], *, beside: Callable[[Connection], None] | None = None) -> None:
        """Store any column of the cluster; for our own steps. What is written `beside` goes with it or not at all."""

        def update(tx: Connection) -> None:
            if beside is not None:
                beside(tx)
            clusters.update(tx, self.cluster.uuid, **changes)
            operations.touch(tx, self.cluster.uuid)

        self.write(update)
        self._rows = msgspec.structs.replace(self._rows, cluster=msgspec.structs.replace(self.cluster, **changes))

    def update_nodegroup(self, nodegroup: NodeGroup, *, stack_id: str) -> None:
        self.write(lambda tx: nodegroups.update(tx, nodegroup.uuid, stack_id=stack_id))
        changed = msgspec.structs.replace(nodegroup, stack_id=stack_id)
        groups = tuple(changed if group.uuid == nodegroup.uuid else group for group in self.nodegroups)
        self._rows = msgspec.structs.replace(self._rows, nodegroups=groups)

    def batch_done(self) -> None:
        minutes = self.services.settings.conductor.update_timeout
        self.write(lambda tx: operations.allow_more_time(tx, self._lease.claim, minutes))

    def new_node_token(self, node: Node, limits: NodeLimits) -> str:
        token = secrets.token_urlsafe(32)  # never from a source that a test could foresee
        expires_at = self.operation.deadline or self._rows.now + _TOKEN_LIFETIME * MICROSECONDS
        credential = NodeCredential(
            token_hash=hash_token(token),
            cluster_uuid=self.cluster.uuid,
            node_uuid=node.uuid,
            node_name=node.name,
            limits=limits,
            expires_at=expires_at,
        )

        def insert(tx: Connection) -> None:
            credentials.insert(tx, credential)
            nodes.keep_limits(tx, node.uuid, limits)

        self.write(insert)
        return token

    def client_tls(self, ca_type: CaType = CaType.KUBERNETES) -> ClientTls:
        if ca_type not in self._client_tls:
            self._client_tls[ca_type] = self._open_client_tls(ca_type)
        return self._client_tls[ca_type]

    def _open_client_tls(self, ca_type: CaType) -> ClientTls:
        store, uuid = self.services.certificate_store, self.cluster.uuid
        beside = self.services.database.read(lambda tx: authorities.of_cluster(tx, uuid, ca_type))
        if ca_type is CaType.KUBERNETES:
            return open_client_tls(store, self.cluster, beside)
        rules, now = self.services.settings.x509, self._rows.now
        return lend_client_tls(store, self.cluster, ca_type, beside, settings=rules, now=now)

    def trustee_password(self) -> str | None:
        """Give the password of the cluster's own user; for our own steps."""
        uuid = self.cluster.uuid
        with store_failures("open the password of the cluster's user"):
            stored = self.services.database.read(lambda tx: clusters.trustee_password(tx, uuid))
            return None if stored is None else self.services.keyring.decrypt(stored, trustee_place(uuid))

    def trustee(self) -> NodeTrustee | None:
        cluster, clouds = self.cluster, self.services.driver_services.clouds
        given = [row for row in self.resources(TRUSTEE_TRUST) if row.name == cluster.trustee_username]
        password = self.trustee_password()
        if clouds is None or cluster.trust_id is None or cluster.trustee_user_id is None or password is None:
            return None
        if not given or given[0].provider_id is None:
            return None
        trust = self.services.settings.trust
        try:
            auth_url = keystone_of_nodes(
                clouds.trusted(cluster.trust_id),
                interface=trust.trustee_keystone_interface,
                region=trust.trustee_keystone_region_name,
            )
        except CloudError as error:
            raise Retry(Code.PROVIDER_UNREACHABLE, f"Where nodes reach Keystone cannot be told. {error}") from error
        return NodeTrustee(auth_url, cluster.trustee_user_id, password, given[0].provider_id)

    def secret(self, name: str, make: Callable[[], str]) -> str:
        uuid = self.cluster.uuid
        place = Place("cluster_secret", "sealed", f"{uuid}/{name}")
        with store_failures(f"open the cluster's secret {name}"):
            sealed = self.services.database.read(lambda tx: cluster_secrets.get(tx, uuid, name))
            if sealed is None:
                new = self.services.keyring.encrypt(make(), place)
                sealed = self.write(lambda tx: cluster_secrets.put_first(tx, uuid, name, new))
            return self.services.keyring.decrypt(sealed, place)

    def event(self, text: str, *, level: EventLevel = EventLevel.INFO) -> None:
        self.write(lambda tx: record(tx, self.operation, "driver", text, level))

    def write(self, f: Callable[[Connection], T]) -> T:
        """Run f in a transaction that begins by verifying the claim."""
        return self._lease.write(f)

    def _attempted(self, kind: str, name: str) -> CloudResource:
        for row in self.resources(kind):
            if row.name == name and row.state is not ResourceState.GONE:
                return row
        raise CallForbidden(f"create {kind} {name}")

    def _mark_accepted(self, *, accepted: bool) -> None:
        self.write(lambda tx: operations.mark_accepted(tx, self._lease.claim, accepted))
        operation = msgspec.structs.replace(self.operation, accepted=accepted)
        self._rows = msgspec.structs.replace(self._rows, operation=operation)
