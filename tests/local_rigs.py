"""What the contract of drivers needs to try those of this host: real machines, and real time."""

import dataclasses
import os
import time
from datetime import UTC, datetime
from typing import ClassVar

import msgspec
from simulation import World

from magnum.api.nodes import make_node_application
from magnum.conductor.loops import Loop
from magnum.conductor.signing import Signer
from magnum.conf.conductor import Conductor
from magnum.conf.local import Local
from magnum.drivers.local.host import LocalHost
from magnum.drivers.local.settings import LocalSettings
from magnum.drivers.local_kubernetes.spec import SPEC as KUBERNETES
from magnum.drivers.local_swarm.spec import SPEC as SWARM
from magnum.drivers.registry import Registry
from magnum.model.clocks import MICROSECONDS, SystemClock
from magnum.openstack.catalogue import load_catalogue
from magnum.standalone.identity import ensure_identity
from magnum.standalone.listeners import NodeListeners

NODE_PORT = 9519


class PatientClock(SystemClock):
    """Time that cannot be turned is waited for."""

    def turn(self, seconds):
        time.sleep(seconds)

    def turn_to(self, instant):
        time.sleep(max(0.0, (instant - self.now()) / MICROSECONDS))


class LocalWorld(World):
    def __init__(self, directory, template, **more):
        self._template = template
        super().__init__(directory, **more)

    def template(self):
        usual = {"image_id": "debian-12", "cluster_distro": "debian"}
        return msgspec.structs.replace(super().template(), **usual | self._template)


class LocalRig:
    """Of one of the drivers; `template` says what its clusters are made from."""

    observe_limit = 5.0

    def __init__(self, directory):
        assert os.geteuid() == 0, "machines of this host need root"
        local = Local(state_dir=directory / "machines", node_port=NODE_PORT)
        self.slow_removal = {}
        self._host = LocalHost(LocalSettings.of(local))
        self.world = LocalWorld(
            directory,
            self.template,
            url=f"sqlite:///{directory}/magnum.sqlite",
            clock=PatientClock(),
            registry=Registry([self.spec]),
            seed=None,
            conductor=Conductor(quiet_period=0.0),
            local=local,
        )
        self.world.core = dataclasses.replace(self.world.core, catalogue=load_catalogue(local.catalogue))
        identity = directory / "identity.pem"
        self.world.listeners = NodeListeners(
            lambda cluster: make_node_application(self.world.core, cluster),
            port=NODE_PORT,
            identity=identity,
            pin=ensure_identity(identity, datetime.now(UTC)),
        )
        signer = Signer(self.world.services())
        self._signing = Loop("signatures", lambda: 0.0 if signer.sign_waiting() else 0.05, time.monotonic)
        self._signing.start()

    def census(self, cluster):
        """The running of a machine is its own business; that it is there is ours."""
        machines = [("machine", machine.name) for machine in self._host.machines(cluster)]
        network = [("network", cluster)] if self._host.find_network(cluster) else []
        return sorted(machines + network)

    def close(self):
        self._signing.stop(10)
        self.world.listeners.stop()
        for cluster in self._clusters():
            for machine in self._host.machines(cluster):
                self._host.delete_machine(cluster, machine.name)
            self._host.delete_network(cluster)
        self.world.close()

    def _clusters(self):
        from magnum.db.tables import cluster_state

        rows = self.world.database.read(lambda tx: tx.execute(cluster_state.select()).all())
        return [row.cluster_uuid for row in rows]


class LocalSwarmRig(LocalRig):
    spec = SWARM
    template: ClassVar = {"coe": "swarm-mode"}
    after_lease = SWARM.longest_call + 15.0
    crash_points = 2


class LocalKubernetesRig(LocalRig):
    """Its clusters need no image from elsewhere, and one machine less without a load balancer."""

    spec = KUBERNETES
    template: ClassVar = {
        "coe": "kubernetes",
        "network_driver": "bridge",
        "master_flavor_id": "m1.medium",
        "flavor_id": "m1.small",
        "master_lb_enabled": False,
    }
    newer: ClassVar = {"labels": {"kube_tag": "v1.21.0"}}
    after_lease = KUBERNETES.longest_call + 15.0
    crash_points = 1
