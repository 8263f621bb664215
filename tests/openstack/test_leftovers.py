"""What a cluster's own controllers made, on real Octavia, Neutron and Cinder: it goes, and nothing that looks like it.

They make it with a member's rights, and our service takes it down with the member's trust.
"""

import time
from contextlib import ExitStack
from uuid import uuid4

import msgspec
import pytest
from cloud import until
from deletions import Deletion
from identities import Identities
from worlds import make_settings

from magnum.drivers.heat.leftovers import Leftovers
from magnum.drivers.heat.marks import CSI_CLUSTER
from magnum.model.failures import Retry
from magnum.model.operations import DeleteCluster
from magnum.model.outcomes import Done
from magnum.openstack.clouds import Cloud

OWNER, STRANGER = "member", "other"
SECONDS = 120
_SETTLED = {"ACTIVE", "available"}


class Trusting:
    """Stands in for `Clouds`: a conductor, which has one trust."""

    def __init__(self, person):
        self._cloud = Cloud(make_settings(), person.connection.session.auth)

    def trusted(self, _trust):
        return self._cloud


class Controllers:
    """Does in somebody's project what controllers of clusters do there. All of it is gone in the end."""

    def __init__(self, connection, ending):
        self._cloud = connection
        self._ending = ending
        self._snapshot = ""
        self._made = []
        self._subnet = connection.network.find_subnet("private", project_id=connection.current_project_id)
        if self._subnet is None:
            network = connection.network.create_network(name="pods")
            ending.callback(connection.network.delete_network, network)
            self._subnet = connection.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.77.0.0/24")

    def balancer(self, cluster):
        """Make a load balancer as for a service."""
        made = self._cloud.load_balancer.create_load_balancer(
            name=f"kube_service_{cluster}_default_web",
            description=f"Kubernetes external service default/web from cluster {cluster}",
            vip_subnet_id=self._subnet.id,
        )
        self._ending.callback(self._remove_balancer, made.id)
        self._made.append(made.id)
        return made

    def address(self, cluster, **more):
        public = self._cloud.network.find_network("public")
        description = f"Floating IP for Kubernetes external service default/web from cluster {cluster}"
        made = self._cloud.network.create_ip(floating_network_id=public.id, description=description, **more)
        self._ending.callback(self._cloud.network.delete_ip, made.id)
        return made.id

    def volume(self, cluster, *, by_name=False):
        name = f"{cluster}-dynamic-pvc-1" if by_name else "pvc-1"
        metadata = {} if by_name else {CSI_CLUSTER: cluster}
        made = self._cloud.block_storage.create_volume(name=name, size=1, metadata=metadata)
        self._ending.callback(self._remove_volume, made.id)
        self._made.append(made.id)
        return made.id

    def snapshot(self, volume):
        made = self._cloud.block_storage.create_snapshot(volume_id=volume, name="kept")
        self._ending.callback(self.remove_snapshots)
        self._snapshot = made.id

    def remove_snapshots(self):
        storage = self._cloud.block_storage
        storage.delete_snapshot(self._snapshot)
        until("the snapshot is gone", lambda: self._snapshot not in {found.id for found in storage.snapshots()})

    def balancers(self):
        return {found.id for found in self._cloud.load_balancer.load_balancers()}

    def addresses(self):
        mine = self._cloud.network.ips(project_id=self._cloud.current_project_id)
        return {found.id for found in mine}

    def volumes(self):
        return {found.id for found in self._cloud.block_storage.volumes()}

    def settle(self):
        def settled():
            states = {one.id: one.provisioning_status for one in self._cloud.load_balancer.load_balancers()}
            states |= {one.id: one.status for one in self._cloud.block_storage.volumes()}
            return {states[ident] for ident in self._made} <= _SETTLED

        until("all of it is there", settled)

    def _remove_balancer(self, ident):
        if ident in self.balancers():
            self._cloud.load_balancer.delete_load_balancer(ident, cascade=True)
            until("the load balancer is gone", lambda: ident not in self.balancers())

    def _remove_volume(self, ident):
        if ident in self.volumes():
            self._cloud.block_storage.delete_volume(ident)
            until("the volume is gone", lambda: ident not in self.volumes())


def run(step, deletion):
    """Run a step as a conductor does, until it is done."""
    deadline = time.monotonic() + SECONDS
    while (outcome := step.run(deletion)) != Done():
        assert time.monotonic() < deadline, outcome
        time.sleep(outcome.seconds)


def test_a_clusters_own_things_go_and_all_others_stay(cloud):
    cluster, neighbour = str(uuid4()), str(uuid4())
    with ExitStack() as ending:
        person = Identities(cloud, ending)
        owner, stranger = (Controllers(person(name).connection, ending) for name in (OWNER, STRANGER))
        leftovers = Leftovers(Trusting(person("service-trust")), patience=SECONDS)
        [balancers], [volumes, rest] = leftovers.before_stacks(), leftovers.after_stacks()
        balancer, by_csi, by_name = owner.balancer(cluster), owner.volume(cluster), owner.volume(cluster, by_name=True)
        addresses = {owner.address(cluster, port_id=balancer.vip_port_id), owner.address(cluster)}
        kept = owner.balancer(neighbour).id, owner.address(neighbour), owner.volume(neighbour)
        others = stranger.balancer(cluster).id, stranger.address(cluster), stranger.volume(cluster)
        for controllers in (owner, stranger):
            controllers.settle()
        owner.snapshot(by_csi)

        deletion = Deletion(cluster, project=person(OWNER).connection.current_project_id)
        for step in (balancers, volumes, rest):
            run(step, deletion)
        assert owner.balancers() & {balancer.id, kept[0]} == {kept[0]}
        assert owner.addresses() & {*addresses, kept[1]} == {kept[1]}
        assert {by_csi, by_name, kept[2]} <= owner.volumes()
        [(_, text)] = deletion.events
        assert "the volume pvc-1 of 1 GB" in text

        deletion.operation = msgspec.structs.replace(deletion.operation, arguments=DeleteCluster(volumes=True))
        deletion.seconds = SECONDS  # its patience is over
        run(volumes, deletion)
        until("the volume without a snapshot is gone", lambda: by_name not in owner.volumes())
        with pytest.raises(Retry, match=r"the volume pvc-1 of 1 GB \(Cinder: .*snapshot"):
            rest.run(deletion)
        owner.remove_snapshots()
        until("the other volume is gone", lambda: is_done(rest, deletion))
        assert owner.volumes() & {by_csi, by_name, kept[2]} == {kept[2]}
        for there, here in zip((stranger.balancers(), stranger.addresses(), stranger.volumes()), others, strict=True):
            assert here in there


def is_done(step, deletion):
    try:
        return step.run(deletion) == Done()
    except Retry:
        return False
