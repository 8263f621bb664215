"""What each engine can be combined with."""

import pytest

from magnum.conf.cluster_template import ClusterTemplate as Options
from magnum.core.coes import check_volume_driver, choose_network_driver, find_engine
from magnum.core.errors import InvalidRequest


@pytest.mark.parametrize(
    ("coe", "default"), [("kubernetes", "flannel"), ("swarm", "docker"), ("swarm-mode", "docker"), ("mesos", "docker")]
)
def test_the_default_is_the_operators(coe, default):
    assert choose_network_driver(coe, None, Options()) == default


@pytest.mark.parametrize(
    ("coe", "driver"),
    [("kubernetes", "calico"), ("kubernetes", "cilium"), ("swarm-mode", "flannel"), ("mesos", "docker")],
)
def test_a_supported_driver_is_taken(coe, driver):
    assert choose_network_driver(coe, driver, Options()) == driver


@pytest.mark.parametrize(("coe", "driver"), [("kubernetes", "docker"), ("swarm", "calico"), ("mesos", "flannel")])
def test_another_is_refused(coe, driver):
    with pytest.raises(InvalidRequest, match="is not supported for"):
        choose_network_driver(coe, driver, Options())


def test_the_allow_list_holds_for_the_default_too():
    options = Options(swarm_allowed_network_drivers=("flannel",))
    assert choose_network_driver("swarm", "flannel", options) == "flannel"
    with pytest.raises(InvalidRequest, match="is not allowed here for swarm; allowed are flannel"):
        choose_network_driver("swarm", None, options)


@pytest.mark.parametrize(("coe", "driver"), [("kubernetes", "cinder"), ("swarm-mode", "rexray"), ("mesos", None)])
def test_volume_drivers(coe, driver):
    check_volume_driver(coe, driver)


def test_a_volume_driver_of_another_engine():
    with pytest.raises(InvalidRequest, match="The volume_driver rexray is not supported for kubernetes"):
        check_volume_driver("kubernetes", "rexray")


@pytest.mark.parametrize("coe", ["dcos", "nomad", ""])
def test_an_engine_that_nobody_makes(coe):
    with pytest.raises(InvalidRequest, match="is not supported; supported are kubernetes, swarm, swarm-mode, mesos"):
        find_engine(coe)
