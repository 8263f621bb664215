"""The health of a swarm, with engines that are a few lists."""

from types import SimpleNamespace

import pytest

from magnum.coe.swarm import SwarmUnreachable, SwarmUntrusted
from magnum.drivers.local_swarm.swarm import Swarm
from magnum.model.health import Health
from magnum.model.nodes import Node, NodeState
from magnum.model.statuses import HealthStatus


def node(name, role, address):
    return Node(
        uuid=name,
        cluster_uuid="c",
        nodegroup_uuid=role,
        number=int(name[-1]),
        name=name,
        role=role,
        address=address,
        state=NodeState.JOINED,
    )


NODES = (node("m-1", "master", "10.0.0.1"), node("m-2", "master", "10.0.0.2"), node("w-1", "worker", "10.0.0.3"))
LOOK = SimpleNamespace(nodes=NODES, client_tls=lambda: None)


class Engines:
    """Stands in for the engines of all nodes and the clients of them."""

    def __init__(self):
        self.states = {"m-1": "ready", "m-2": "ready", "w-1": "ready"}
        self.silent = set()
        self.error = None

    def __call__(self, address, _tls):
        def info():
            if self.error:
                raise self.error
            if address in self.silent:
                raise SwarmUnreachable(f"{address} did not answer")
            return SimpleNamespace(active=True, is_manager=True)

        members = [SimpleNamespace(hostname=name, state=state) for name, state in self.states.items()]
        return SimpleNamespace(info=info, nodes=lambda: members, version=lambda: "20.10.24")


@pytest.fixture
def engines():
    return Engines()


def test_it_is_well_when_every_node_is_ready(engines):
    reason = {"m-1.Ready": "True", "m-2.Ready": "True", "w-1.Ready": "True", "api": "ok"}
    assert Swarm(engines).health(LOOK) == Health(HealthStatus.HEALTHY, reason, "20.10.24", "20.10.24")


def test_one_that_is_down_or_has_left_is_not_ready(engines):
    engines.silent = {"10.0.0.1:2376"}
    engines.states = {"m-1": "down", "m-2": "ready"}
    health = Swarm(engines).health(LOOK)
    assert (health.status, health.troubles) == (HealthStatus.UNHEALTHY, {"m-1.Ready": "False", "w-1.Ready": "False"})


def test_a_swarm_that_does_not_answer_is_unhealthy(engines):
    engines.silent = {"10.0.0.1:2376", "10.0.0.2:2376"}
    reason = {"api": "No manager of the swarm answers."}
    assert Swarm(engines).health(LOOK) == Health(HealthStatus.UNHEALTHY, reason)
    engines.error = SwarmUntrusted("another's certificate")
    assert Swarm(engines).health(LOOK).reason == {"api": "another's certificate"}
