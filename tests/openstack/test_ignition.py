"""Ignition, applied for real to the disks of machines that are off, and to those of the lab's servers."""

import base64
import gzip
import json
import secrets
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cloud import until

from lab.fedora_coreos import ignition, root
from lab.settings import open_lab
from magnum.drivers.local import rootfs
from magnum.drivers.local.folders import MachineFolder, MachineSpec
from magnum.drivers.local.settings import default_cache_dir
from magnum.nodes.data import HEAT_SIGNAL_URL, NodeData, NodeToken
from magnum.nodes.files import UNIT as UNIT_OF_NODES
from magnum.nodes.ignition import Ignition
from magnum.nodes.packing import Contents, pack

pytestmark = pytest.mark.root
CLUSTER = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"
SECRET = "a-token-of-a-node-0123456789abcdef-01234"
UNIT = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"


def data(content: str, *, packed: bool = False) -> dict[str, str]:
    raw = gzip.compress(content.encode()) if packed else content.encode()
    source = {"source": f"data:;base64,{base64.b64encode(raw).decode()}"}
    return {**source, "compression": "gzip"} if packed else source


@pytest.fixture
def disk(tmp_path) -> Path:
    lower = rootfs.ensure(root.RECIPE, default_cache_dir(), print)
    spec = MachineSpec(
        cluster_uuid="a",
        name="one",
        address=IPv4Address("10.0.0.9"),
        memory_mib=512,
        vcpus=1,
        user_data="",
        instance_id="one-1",
    )
    folder = MachineFolder(tmp_path / "one")
    folder.create(spec, lower)
    return folder.path


def document(version: str = "3.0.0", **sections: object) -> str:
    return json.dumps({"ignition": {"version": version}, **sections})


def test_a_server_is_as_its_document_says(disk):
    ignition.apply(
        document(
            passwd={"users": [{"name": "core", "sshAuthorizedKeys": ["ssh-ed25519 AAAA somebody"]}]},
            storage={
                "directories": [{"path": "/var/lib/own", "mode": 0o711}],
                "files": [
                    {"path": "/etc/own/token", "mode": 0o600, "contents": data(SECRET)},
                    {"path": "/usr/local/bin/own", "mode": 0o755, "contents": data("#!/bin/sh\n", packed=True)},
                    {"path": "/etc/hostname", "overwrite": True, "contents": {"source": "data:,one%0A"}},
                    {"path": "/etc/containers/registries.conf", "append": [data("# ours\n")]},
                ],
                "links": [{"path": "/etc/localtime", "target": "/usr/share/zoneinfo/UTC", "overwrite": True}],
            },
            systemd={
                "units": [
                    {"name": "own.service", "enabled": True, "contents": UNIT},
                    {"name": "ssh.service", "dropins": [{"name": "own.conf", "contents": "[Service]\nNice=5\n"}]},
                    {"name": "containerd.service", "enabled": True},
                    {"name": "cloud-init.service", "enabled": False},
                    {"name": "docker.service", "mask": True},
                    {"name": "zincati.service", "enabled": False},
                ]
            },
        ),
        disk,
    )
    upper = disk / "upper"
    token, script, units = upper / "etc/own/token", upper / "usr/local/bin/own", upper / "etc/systemd/system"
    assert (token.read_text(), token.stat().st_mode & 0o777, token.stat().st_uid) == (SECRET, 0o600, 0)
    assert (script.read_text(), script.stat().st_mode & 0o777) == ("#!/bin/sh\n", 0o755)
    assert (upper / "var/lib/own").stat().st_mode & 0o777 == 0o711
    assert (upper / "etc/hostname").read_text() == "one\n"
    registries = (upper / "etc/containers/registries.conf").read_text()
    assert registries.endswith("# ours\n")
    assert len(registries) > len("# ours\n")
    assert str((upper / "etc/localtime").readlink()) == "/usr/share/zoneinfo/UTC"
    core = next(line.split(":") for line in (upper / "etc/passwd").read_text().splitlines() if "core" in line)
    keys = upper / "home/core/.ssh/authorized_keys.d/ignition"
    assert "ssh-ed25519 AAAA somebody" in keys.read_text()
    assert (str(keys.stat().st_uid), core[5]) == (core[2], "/home/core")
    assert (units / "own.service").read_text() == UNIT
    assert (units / "multi-user.target.wants/own.service").is_symlink()
    assert (units / "multi-user.target.wants/containerd.service").is_symlink()
    assert (units / "ssh.service.d/own.conf").read_text() == "[Service]\nNice=5\n"
    assert str((units / "docker.service").readlink()) == "/dev/null"
    assert not [file for file in disk.rglob("*") if file.name.startswith("ignition.") and file.parent == disk]
    holders = [file for file in disk.glob("upper/**/*") if file.is_file() and SECRET in file.read_text("latin-1")]
    assert holders == [token]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (document(storage={"files": [{"path": "/etc/one", "modus": 420}]}), r"Unused key modus"),
        (document(storage={"files": [{"path": "etc/one"}]}), r"path not absolute"),
        (document("3.9.0"), r"unsupported config version"),
        (document("2.2.0"), r"unsupported config version"),
        ("#cloud-config\n{}\n", r"invalid|couldn't parse|not a config"),
        (document(systemd={"units": [{"name": "one.service", "enabled": True, "contents": "[Service]\n"}]}), "install"),
        (document(storage={"files": [{"path": "/etc/passwd", "contents": data(SECRET)}]}), r"/etc/passwd"),
        (document(systemd={"units": [{"name": "none.service", "enabled": True}]}), r"none\.service"),
    ],
)
def test_what_is_wrong_is_told_without_what_files_hold(disk, wrong, told):
    with pytest.raises(ignition.IgnitionError, match=told) as caught:
        ignition.apply(wrong, disk)
    assert data(SECRET)["source"] not in str(caught.value)


def test_what_our_own_nodes_are_given_is_applied(disk):
    node = NodeData(
        cluster_uuid=CLUSTER,
        node_name="one",
        role="worker",
        coe="kubernetes",
        address="10.20.0.11",
        api_url="https://10.20.0.1:9511/v1",
        credential=NodeToken(SECRET),
    )
    packed = pack({1: Contents(node)}, closed_folders=["/etc/kubernetes"], form=Ignition("ssh-ed25519 AAAA somebody"))
    ignition.apply(packed.of(1, "http://10.20.0.1/signal?a=b%2Fc"), disk)
    etc = disk / "upper/etc"
    assert (etc / "systemd/system/multi-user.target.wants" / UNIT_OF_NODES).is_symlink()
    assert (etc / "kubernetes").stat().st_mode & 0o777 == 0o700
    assert (disk / "upper" / HEAT_SIGNAL_URL.lstrip("/")).read_text() == "http://10.20.0.1/signal?a=b%2Fc"


def test_a_server_of_the_lab_runs_images_of_the_lab_by_podman(cloud, person):
    lab = open_lab(cloud.folder, Path(), Path(), None)
    registry = f"{lab.address}:{lab.port('registry')}"
    trusted = f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n'
    say = f"podman run --rm --network host {registry}/magnum/etcd:v3.4.23 /usr/local/bin/etcd --version > /srv/said"
    unit = f"[Service]\nType=oneshot\nExecStart=/bin/sh -c '{say}'\n[Install]\nWantedBy=multi-user.target\n"
    user_data = document(
        storage={"files": [{"path": "/etc/containers/registries.conf.d/50-lab.conf", "contents": data(trusted)}]},
        systemd={"units": [{"name": "say.service", "enabled": True, "contents": unit}]},
    )
    connection = person("member").connection
    name = f"ignited-{secrets.token_hex(4)}"
    server = connection.compute.create_server(
        name=name,
        image_id=connection.image.find_image("fedora-coreos-41").id,
        flavor_id=connection.compute.find_flavor("m1.tiny").id,
        networks=[{"uuid": connection.network.find_network("private").id}],
        user_data=base64.b64encode(user_data.encode()).decode(),
    )
    try:
        said = cloud.folder / "guests" / name / "upper/srv/said"
        until("the image has said its version", lambda: said.exists() and "3.4.23" in said.read_text(), seconds=300)
    finally:
        connection.compute.delete_server(server)
    until("the guest is gone", lambda: not (cloud.folder / "guests" / name).is_symlink())
