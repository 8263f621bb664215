"""Known labels with good and bad values."""

import pytest

from magnum.core.errors import InvalidRequest
from magnum.core.labels import check_labels


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"anything": "at all"},
        {"mesos_slave_isolation": "docker/runtime,filesystem/linux"},
        {"mesos_slave_image_providers": "APPC"},
        {"mesos_slave_image_providers": "docker,appc", "mesos_slave_isolation": "docker/runtime"},
        {"mesos_slave_executor_env_variables": '{"A": "1"}'},
        {"mesos_slave_executor_env_variables": "/home/ubuntu/test.json"},
        {"swarm_strategy": "spread binpack"},
    ],
)
def test_good_values(labels):
    check_labels(labels)


@pytest.mark.parametrize(
    "labels",
    [
        {"mesos_slave_isolation": "docker/runtime, filesystem/linux"},
        {"mesos_slave_isolation": ""},
        {"mesos_slave_image_providers": "rkt"},
        {"mesos_slave_image_providers": "docker"},
        {"mesos_slave_image_providers": "docker", "mesos_slave_isolation": "posix/cpu"},
        {"mesos_slave_executor_env_variables": "{A: 1}"},
        {"mesos_slave_executor_env_variables": "[" * 10_000},
        {"swarm_strategy": "chaos"},
    ],
)
def test_bad_values(labels):
    with pytest.raises(InvalidRequest, match="The label"):
        check_labels(labels)
