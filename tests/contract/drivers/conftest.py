"""Which driver the contract is tried on: pytest tests/contract/drivers --driver=NAME, the fake one unless told.

A driver needs a rig, which knows how to make its world and how to see, past the driver, what its provider has. The fake
one's is below; `--rig=package.module:Rig` names that of a driver that is not ours. Those of this host need root, and
make some sixty clusters of real machines, which takes its time: some ten minutes with `--driver=local_swarm`, an hour
with `--driver=local_kubernetes`, which `-k` makes less.
"""

import pkgutil

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from simulation import World

from magnum.drivers.fake.spec import SPEC


class FakeRig:
    """The fake driver: time is turned, so every crash point can be tried."""

    spec = SPEC
    observe_limit = 1.0
    after_lease = 3600.0
    """Seconds after which a dead conductor's lease has lapsed, whatever call it had begun."""

    crash_points = None
    """How many of an operation's crash points are tried, evenly spread; None for all."""

    def __init__(self, directory):
        self.world = World(directory)
        self.newer = {"labels": {"fake_version": "2.0"}}
        """What makes a template newer than the usual one; needed with the feature UPGRADE."""
        self.slow_removal = {"fake_latencies": "vanish:3"}
        """Labels of a cluster whose things take a while to go."""

    def census(self, cluster):
        """Tell of all that the provider has of this cluster: kind and name as on the ledger, and what else matters."""
        return sorted((thing.kind, thing.name, thing.member) for thing in self.world.cloud.things(cluster))

    def close(self):
        self.world.close()


RIGS = {"local_kubernetes": "local_rigs:LocalKubernetesRig", "local_swarm": "local_rigs:LocalSwarmRig"}


def pytest_addoption(parser):
    parser.addoption("--driver", default="fake", help="the driver that the contract is tried on")
    parser.addoption("--rig", default=None, help="its rig, as package.module:class")


@pytest.fixture
def rig(request, tmp_path):
    path = request.config.getoption("--rig", default=None)
    name = request.config.getoption("--driver", default="fake")
    rig = FakeRig(tmp_path) if name == "fake" else pkgutil.resolve_name(path or RIGS[name])(tmp_path)
    assert rig.spec.name == name
    yield rig
    rig.close()


@pytest.fixture(scope="session")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(autouse=True)
def one_key(monkeypatch, key):
    """Clusters are made by the hundred here; one key for all of them saves most of the time."""
    monkeypatch.setattr("magnum.certificates.authority._new_key", lambda _rules: key)
    monkeypatch.setattr("magnum.certificates.authority.open_private_key", lambda _bundle: key)
