"""What a node does for the network of pods, for each network driver and every version that there is."""

import json
import os
import subprocess

import pytest

from magnum.nodes.kubernetes.cluster import NetworkDriver
from magnum.nodes.kubernetes.versions import NEWEST, OLDEST

from .conftest import content, flags

EVERY_MINOR = range(OLDEST, NEWEST + 1)
UNIT = "/etc/systemd/system/pod-network.service"
ROUTES = "/etc/kubernetes/pod-routes"
ADDONS = (NetworkDriver.FLANNEL, NetworkDriver.CALICO)


def test_a_node_has_the_way_to_the_pods_of_every_other_and_not_to_its_own(rendered):
    routes = rendered(20, "worker")[ROUTES].content.decode().splitlines()
    assert routes[0] == "route replace 10.254.0.0/16 via 10.77.5.1"
    assert "route replace 10.100.10.0/24 via 10.77.5.10" in routes
    assert len(routes) == 1 + 254 - 2
    assert not [line for line in routes if "10.100.11.0" in line or "10.100.1.0" in line]
    [bridge, _] = json.loads(rendered(20, "worker")["/etc/cni/net.d/10-magnum.conflist"].content)["plugins"]
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.100.11.0/24"}]]


def test_a_machine_that_knows_a_way_to_everywhere_is_told_none_to_services(rendered):
    routes = rendered(20, "worker", default_route=True)[ROUTES].content.decode()
    assert "10.254.0.0/16" not in routes
    assert len(routes.splitlines()) == 254 - 1  # the first address may be anybody's
    assert rendered(20, "worker", default_route=True, network_driver=NetworkDriver.FLANNEL)[ROUTES].content == b""


@pytest.mark.parametrize("role", ["master", "worker"])
@pytest.mark.parametrize("minor", EVERY_MINOR)
@pytest.mark.parametrize("driver", NetworkDriver)
def test_a_node_brings_a_network_or_leaves_it_to_an_addon(rendered, driver, minor, role):
    files = rendered(minor, role, network_driver=driver)
    alone = driver is NetworkDriver.BRIDGE
    assert ("/etc/cni/net.d/10-magnum.conflist" in files) == alone
    assert (len(files[ROUTES].content.splitlines()) == 1) == (not alone)
    assert ("MASQUERADE" in files[UNIT].content.decode()) == alone
    assert ("rp_filter=1" in files[UNIT].content.decode()) == (driver is NetworkDriver.CALICO)
    plugins = "/usr/lib/cni" if alone else "/opt/cni/bin"
    containerd = files["/etc/containerd/config.toml"].content.decode()
    assert f'bin_dir = "{plugins}"' in containerd
    assert 'conf_dir = "/etc/cni/net.d"' in containerd
    assert content(files, "kube-proxy.yaml")["clusterCIDR"] == "10.100.0.0/16"


@pytest.mark.parametrize("minor", EVERY_MINOR)
@pytest.mark.parametrize(
    ("driver", "allocates", "size"),
    [
        (NetworkDriver.BRIDGE, "false", None),
        (NetworkDriver.FLANNEL, "true", "25"),
        (NetworkDriver.CALICO, "false", None),
    ],
)
def test_the_controller_manager_gives_nodes_their_part_only_where_nobody_else_does(
    rendered, driver, allocates, size, minor
):
    manager = flags(rendered(minor, network_driver=driver, node_prefix=25), "kube-controller-manager")
    assert (manager["allocate-node-cidrs"], manager.get("node-cidr-mask-size")) == (allocates, size)
    assert manager["cluster-cidr"] == "10.100.0.0/16"


@pytest.mark.parametrize("driver", ADDONS)
def test_an_addon_finds_the_systems_plugins_beside_its_own_at_every_boot(rendered, driver, tmp_path):
    """Run what the unit runs, in folders of the test's own."""
    system, addon = tmp_path / "system", tmp_path / "addon"
    system.mkdir()
    for name in ("bridge", "portmap"):
        (system / name).write_text(f"the system's {name}")
    text = rendered(20, "worker", network_driver=driver)[UNIT].content.decode().replace("$$", "$")
    text = text.replace("/usr/lib/cni", str(system)).replace("/opt/cni/bin", str(addon))
    commands = [line.removeprefix("ExecStart=") for line in text.splitlines() if str(addon) in line]
    for own in (False, True):
        if own:
            (addon / "portmap").unlink()
            (addon / "portmap").write_text("the add-on's portmap")
        for command in commands:
            subprocess.run(["/bin/sh", "-c", command], check=True, env=os.environ)
    assert (addon / "bridge").read_text() == "the system's bridge"
    assert (addon / "portmap").read_text() == "the add-on's portmap"


def test_images_are_watched_where_the_operator_has_some(rendered):
    assert not [path for path in rendered(20, "worker") if "import-images" in path]
    files = rendered(20, "worker", watches_images=True)
    service, path = (
        files[f"/etc/systemd/system/import-images.{kind}"].content.decode() for kind in ("service", "path")
    )
    assert "PathChanged=/opt/kubernetes/own-images\n" in path
    assert "/opt/kubernetes/own-images/*.tar" in service
