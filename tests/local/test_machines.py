"""Real machines of this host, as drivers use them: one cluster of three, used by the tests in their order."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import msgspec
import pytest

from magnum.drivers.local import preflight, rootfs
from magnum.drivers.local.commands import run
from magnum.drivers.local.errors import CommandError
from magnum.drivers.local.host import Egress, LocalHost, MachineSpec
from magnum.drivers.local.machines import supervisors
from magnum.drivers.local.names import HostNames
from magnum.drivers.local.settings import LocalSettings, default_cache_dir

MISSING = preflight.missing()
pytestmark = [pytest.mark.root, pytest.mark.skipif(bool(MISSING), reason=" ".join(MISSING))]

UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers").exists()
CLUSTER = "3f0c1a52-0000-4000-8000-000000000001"
OTHER_CLUSTER = "3f0c1a52-0000-4000-8000-000000000002"
NAMES = ("one", "two", "three")
MEMORY_MIB = 768
BOOT_SECONDS = 40  # far more than it takes, because the processors may be shared with other tests
OUTSIDE, OUTSIDE_LINK_LOCAL = "198.51.100.2", "169.254.77.2"
DOCKER_PORT = 2375

# Counts its own runs, and starts an engine that answers to us without a client certificate.
USER_DATA = f"""\
#cloud-config
write_files:
- path: /etc/systemd/system/docker.service.d/listen.conf
  content: |
    [Service]
    ExecStart=
    ExecStart=/usr/sbin/dockerd --host fd:// --host tcp://0.0.0.0:{DOCKER_PORT} --tls=false
- path: /root/secret
  permissions: '0600'
  content: a-token
runcmd:
- [sh, -c, 'echo ran >> /root/runs']
- [systemctl, daemon-reload]
- [systemctl, enable, --now, docker.service]
"""

# Starts the machines and then waits to be killed.
STARTER = """
import json, sys, time
import msgspec
from magnum.drivers.local.errors import CommandError
from magnum.drivers.local.host import Egress, LocalHost, MachineSpec
from magnum.drivers.local.settings import LocalSettings
order = json.loads(sys.stdin.readline())
def convert(kind, value): return kind(value)
settings = msgspec.convert(order["settings"], LocalSettings, dec_hook=convert)
host = LocalHost(settings, known_egress=Egress(("192.0.2.53",)))
print("starting", flush=True)
for spec in order["specs"]:
    host.start_machine(msgspec.convert(spec, MachineSpec, dec_hook=convert))
print("started", flush=True)
time.sleep(3600)
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    cache_dir = default_cache_dir()
    rootfs.ensure(rootfs.DEBIAN_12, cache_dir, print)
    return LocalSettings(state_dir=tmp_path_factory.mktemp("machines"), cache_dir=cache_dir, node_port=free_port())


@pytest.fixture(scope="module")
def host(settings):
    """A host with egress, whatever this one's is: what is outside is made here too."""
    host = LocalHost(settings, known_egress=Egress(("192.0.2.53",)))
    yield host
    host.clean()


@pytest.fixture(scope="module")
def network(host):
    return host.ensure_network(CLUSTER)


@pytest.fixture(scope="module")
def specs(network):
    return [spec_in(network, name, number) for number, name in enumerate(NAMES, start=10)]


@pytest.fixture(scope="module")
def cluster(settings, host, specs, record_testsuite_property):
    """Three machines up, started by a process that was killed right after."""
    with starting(settings, specs) as starter:
        begun = time.monotonic()
        assert starter.stdout.readline() == "started\n"
    for spec in specs:
        assert docker_version(spec.address)
    record_testsuite_property("seconds until three engines answered", round(time.monotonic() - begun, 1))
    return specs


def test_machines_outlive_the_process_that_started_them(host, cluster):
    found = host.machines(CLUSTER)
    assert [(machine.name, machine.running, machine.reason) for machine in found] == [
        (name, True, None) for name in sorted(NAMES)
    ]
    assert {machine.address for machine in found} == {spec.address for spec in cluster}


def test_starting_again_changes_nothing(host, settings, cluster):
    before = [supervisors(processes(settings, name)) for name in NAMES]
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(host.start_machine, [*cluster, *cluster]):
            pass
    assert [supervisors(processes(settings, name)) for name in NAMES] == before


def test_the_flavor_is_a_limit(settings, cluster):
    unit = HostNames(settings.state_dir).machine(CLUSTER, "one").unit
    group = Path(HostNames(settings.state_dir).cgroup) / unit
    if UNIFIED:
        limit = settings.cgroup_root / group / "memory.max"
    else:
        limit = settings.cgroup_root / "memory" / group / "memory.limit_in_bytes"
    assert int(limit.read_text()) == MEMORY_MIB * 1024 * 1024


@pytest.mark.skipif(UNIFIED, reason="control groups of version 2 do not withhold devices without a BPF program")
def test_a_machines_root_cannot_read_the_hosts_disks(settings, cluster):
    init = next(process for process in processes(settings, "one") if innermost_id(process) == 1)
    disk = settings.state_dir.stat().st_dev
    make = f"mknod /root/disk b {os.major(disk)} {os.minor(disk)}"
    with pytest.raises(CommandError, match=r"head: cannot open .*Operation not permitted"):
        run(["nsenter", "--all", "--target", str(init), "sh", "-c", f"{make} && head -c 1 /root/disk"], timeout=10)


def test_a_node_reaches_the_node_port_and_nothing_else_of_the_host(settings, host, network, cluster):
    with listener("0.0.0.0", settings.node_port), listener("0.0.0.0", other := free_port()):
        assert reaches(settings, "one", network.gateway, settings.node_port)
        assert not reaches(settings, "one", network.gateway, other)
        for address in own_addresses():
            assert not reaches(settings, "one", address, other)
            assert not reaches(settings, "one", address, settings.node_port)
    with listener("127.0.0.1", loopback := free_port()):
        assert not reaches(settings, "one", network.gateway, loopback)
        assert not reaches(settings, "one", IPv4Address("127.0.0.1"), loopback)


def test_nodes_reach_each_other_but_no_other_cluster(settings, host, cluster):
    other = host.ensure_network(OTHER_CLUSTER)
    assert reaches(settings, "one", cluster[1].address, DOCKER_PORT)
    with listener(str(other.gateway), settings.node_port):
        assert not reaches(settings, "one", other.gateway, settings.node_port)
    neighbour = spec_in(other, "neighbour", 10)
    host.start_machine(neighbour)
    assert docker_version(neighbour.address)
    assert not reaches(settings, "one", neighbour.address, DOCKER_PORT)
    host.delete_machine(OTHER_CLUSTER, neighbour.name)
    host.delete_network(OTHER_CLUSTER)


def test_a_node_reaches_the_outside_but_nothing_link_local(settings, cluster):
    with outside() as port:
        socket.create_connection((OUTSIDE_LINK_LOCAL, port), timeout=5).close()  # this host itself does
        assert reaches(settings, "one", IPv4Address(OUTSIDE), port)
        assert not reaches(settings, "one", IPv4Address(OUTSIDE_LINK_LOCAL), port)


def test_without_egress_there_is_no_way_out(settings, host, cluster):
    """Not even for a node that sets itself a route."""
    confined = LocalHost(settings, known_egress=Egress(reason="as the test wants it"))
    confined.ensure_network(CLUSTER)
    with outside() as port:
        assert not reaches(settings, "one", IPv4Address(OUTSIDE), port)
    host.ensure_network(CLUSTER)


def test_user_data_is_for_root_only(settings, cluster):
    folder = settings.state_dir / "clusters" / CLUSTER / "one"
    assert folder.stat().st_mode & 0o777 == 0o700
    holders = [path for path in folder.rglob("*") if path.is_file() and b"a-token" in path.read_bytes()]
    assert holders
    assert {path.stat().st_mode & 0o077 for path in holders} == {0}
    assert (folder / "console.log").stat().st_mode & 0o777 == 0o600


def test_a_dead_machine_says_so_and_boots_again_from_the_same_disk(settings, host, cluster):
    for process in processes(settings, "two"):
        kill(process)
    dead = wait_for(
        lambda: next(machine for machine in host.machines(CLUSTER) if machine.name == "two"), "running", False
    )
    assert "its processes have ended" in dead.reason
    host.start_machine(cluster[1])
    assert docker_version(cluster[1].address)
    assert runs(settings, "two") == 1


def test_a_machine_that_was_stopped_stays_off(host, cluster):
    host.stop_machine(CLUSTER, "three")
    host.start_all()
    three = next(machine for machine in host.machines(CLUSTER) if machine.name == "three")
    assert (three.running, three.reason) == (False, "it was switched off")
    host.start_machine(cluster[2])
    assert docker_version(cluster[2].address)


def test_all_come_back_after_the_host_was_stopped(settings, host, network, cluster):
    host.stop_all()
    assert not any(machine.running for machine in host.machines(CLUSTER))
    assert traces(settings) == []
    host.start_all()
    for spec in cluster:
        assert docker_version(spec.address)
        assert runs(settings, spec.name) == 1
    assert host.find_network(CLUSTER) == network


def test_three_machines_are_gone_in_a_moment(settings, host, cluster):
    begun = time.monotonic()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: host.delete_machine(CLUSTER, name), NAMES))
    assert time.monotonic() - begun < 6
    assert host.machines(CLUSTER) == ()
    host.delete_machine(CLUSTER, "one")  # once more is no error
    host.delete_network(CLUSTER)
    host.delete_network(CLUSTER)
    assert host.find_network(CLUSTER) is None
    assert list((settings.state_dir / "clusters").iterdir()) == []


def test_a_start_that_was_killed_at_any_moment_is_simply_repeated(settings, host):
    """The lock holds while what it started still runs, so there is never a second machine on the same disk."""
    network = host.ensure_network(OTHER_CLUSTER)
    for milliseconds in (0, 10, 20, 30, 45, 60, 80, 110):
        spec = spec_in(network, f"after-{milliseconds}", 10)
        with starting(settings, [spec]):
            time.sleep(milliseconds / 1000)
        host.start_machine(spec)
        (machine,) = host.machines(OTHER_CLUSTER)
        assert machine.running
        assert only_one_supervisor(settings, spec.name)
        host.delete_machine(OTHER_CLUSTER, spec.name)
    host.delete_network(OTHER_CLUSTER)
    assert [trace for trace in traces(settings) if not trace.startswith(str(settings.cgroup_root))] == []


def test_cleaning_leaves_nothing(settings, host, specs):
    host.ensure_network(CLUSTER)
    host.start_machine(specs[0])
    host.clean()
    assert traces(settings) == []
    assert not (settings.state_dir / "clusters").exists()


# -- what the tests use ------------------------------------------------------------------------------------------------


def traces(settings):
    """All that there is on the host of this state directory: interfaces, namespaces, mounts, groups, rules."""
    names = HostNames(settings.state_dir)
    links = json.loads(run(["ip", "-json", "link", "show"], timeout=10))
    found = [
        link["ifname"] for link in links if names.owner in link["ifname"] or names.owner in link.get("ifalias", "")
    ]
    found += [entry.name for entry in Path("/run/netns").glob(f"*{names.owner}*")]
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(settings.state_dir) in line]
    found += [line for line in run(["nft", "list", "tables"], timeout=10).splitlines() if names.owner in line]
    groups = (Path(top) / name for top, folders, _ in os.walk(settings.cgroup_root) for name in folders)
    return found + [str(group) for group in groups if group.name == names.cgroup]


def processes(settings, name, cluster_uuid=CLUSTER):
    unit = HostNames(settings.state_dir).machine(cluster_uuid, name).unit
    groups = next(path for path in settings.cgroup_root.rglob(unit) if path.is_dir())
    return {int(line) for file in groups.rglob("cgroup.procs") for line in file.read_text().split()}


def only_one_supervisor(settings, name):
    """Whether there is one before long: while it starts it has children that are still in our namespace."""
    patience = time.monotonic() + BOOT_SECONDS
    while len(supervisors(processes(settings, name, OTHER_CLUSTER))) != 1:
        if time.monotonic() > patience:
            return False
        time.sleep(0.05)
    return True


def innermost_id(process):
    """Give the id that a process has in its own namespace."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[-1])


def runs(settings, name):
    """How often cloud-init ran the user data's commands in a machine, as its disk says."""
    return len((settings.state_dir / "clusters" / CLUSTER / name / "upper/root/runs").read_text().splitlines())


def reaches(settings, name, address, port):
    """Try a connection from a machine's network namespace."""
    netns = HostNames(settings.state_dir).machine(CLUSTER, name).netns
    attempt = f"import socket; socket.create_connection(('{address}', {port}), timeout=1)"
    tried = subprocess.run(
        ["ip", "netns", "exec", netns, sys.executable, "-I", "-c", attempt],
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert tried.returncode == 0 or "TimeoutError" in tried.stderr or "ConnectionRefused" in tried.stderr, tried.stderr
    return tried.returncode == 0


def docker_version(address):
    """Ask a machine's engine for its version, as soon as it answers."""
    deadline = time.monotonic() + BOOT_SECONDS
    while True:
        try:
            with closing(socket.create_connection((str(address), DOCKER_PORT), timeout=1)) as channel:
                channel.sendall(b"GET /version HTTP/1.0\r\n\r\n")
                answer = b"".join(iter(lambda: channel.recv(65536), b""))
            return json.loads(answer.partition(b"\r\n\r\n")[2])["Version"]
        except OSError:
            assert time.monotonic() < deadline, f"no engine answers at {address}"
            time.sleep(0.1)


def wait_for(look, attribute, value):
    deadline = time.monotonic() + 10
    while getattr(found := look(), attribute) != value:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def kill(process):
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def own_addresses():
    listed = json.loads(run(["ip", "-json", "-4", "address", "show", "scope", "global"], timeout=10))
    others = (link for link in listed if not link.get("ifname", "").startswith("magnum-"))
    # Of addresses that were not asked for, `ip` leaves empty places.
    return [IPv4Address(info["local"]) for link in others for info in link.get("addr_info", ()) if info]


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


@contextmanager
def listener(address, port):
    """Accept connections in this process."""
    with closing(socket.create_server((address, port))) as server:
        thread = threading.Thread(target=accept_until_closed, args=(server,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)


def accept_until_closed(server):
    while True:
        try:
            server.accept()[0].close()
        except OSError:
            return


@contextmanager
def outside():
    """A network beyond this host, with one server on an ordinary and on a link-local address."""
    unique = secrets.token_hex(4)
    netns, near, port = f"outside-{unique}", f"out{unique}", free_port()
    with ExitStack() as made:
        run(["ip", "netns", "add", netns], timeout=10)
        made.callback(run, ["ip", "netns", "delete", netns], timeout=10)
        run(["ip", "link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", netns], timeout=10)
        # The kernel would do it some time after the namespace's end, and the next link has the same addresses.
        made.callback(run, ["ip", "link", "delete", near], timeout=10)
        for ours, theirs in (("198.51.100.1", OUTSIDE), ("169.254.77.1", OUTSIDE_LINK_LOCAL)):
            run(["ip", "address", "add", f"{ours}/30", "dev", near], timeout=10)
            run(["ip", "-netns", netns, "address", "add", f"{theirs}/30", "dev", "eth0"], timeout=10)
        run(["ip", "link", "set", near, "up"], timeout=10)
        run(["ip", "-netns", netns, "link", "set", "eth0", "up"], timeout=10)
        serve = (
            f"import socket; s = socket.create_server(('', {port})); print('ready', flush=True)\nwhile True: s.accept()"
        )
        command = ["ip", "netns", "exec", netns, sys.executable, "-I", "-c", serve]
        server = made.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        made.callback(server.kill)
        assert server.stdout.readline() == "ready\n"
        yield port


def spec_in(network, name, number):
    return MachineSpec(
        cluster_uuid=network.cluster_uuid,
        name=name,
        address=network.subnet[number],
        memory_mib=MEMORY_MIB,
        vcpus=1,
        user_data=USER_DATA,
        instance_id=f"i-{name}",
    )


@contextmanager
def starting(settings, specs):
    """Let another process start machines, and kill it when the block ends."""
    order = {"settings": as_plain(settings), "specs": [as_plain(spec) for spec in specs]}
    command = [sys.executable, "-c", STARTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        try:
            starter.stdin.write(json.dumps(order) + "\n")
            starter.stdin.flush()
            assert starter.stdout.readline() == "starting\n"
            yield starter
        finally:
            starter.send_signal(signal.SIGKILL)


def as_plain(struct):
    return msgspec.to_builtins(struct, enc_hook=str)
