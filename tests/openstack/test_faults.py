"""Faults of a real cloud, in the way of our conductor alone: a cluster ends as it was to, or says what is wrong.

Then it can be tried again or deleted, and nothing of it is left in the cloud. The clusters are stacks and nothing more
(`stack_driver`): Heat, Nova, Neutron and Keystone are real, and the test gives the signals that machines would give.
Those that take longer are in `test_faults_at_length`, which only the full run has.
"""

from contextlib import ExitStack

import pytest
from faults import Stage


@pytest.fixture(scope="module")
def stage(cloud, tmp_path_factory):
    with ExitStack() as ending:
        yield Stage(cloud, tmp_path_factory.mktemp("own"), ending)


def test_heat_is_down_when_a_cluster_is_made_and_keystone_when_it_is_deleted(stage):
    with stage.between.down("heat"):
        uuid = stage.create()
        stage.until(uuid, "CREATE_IN_PROGRESS", "Heat does not answer")
    stage.complete(uuid)
    stage.service.kill_conductor()
    with stage.between.down("keystone"):
        stage.service.start_conductor()  # without a token
        stage.delete(uuid)
        stage.until(uuid, "DELETE_FAILED", "Keystone does not answer")
    stage.until_nothing_is_left(uuid)
