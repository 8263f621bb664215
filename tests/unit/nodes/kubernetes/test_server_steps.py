"""What a server does before it can become a node, run by bash with stand-ins for the programs of the system."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from magnum.nodes.data import Engine, Platform
from magnum.nodes.files import node_files
from magnum.nodes.kubernetes.cluster import Volume
from magnum.nodes.kubernetes.files import kubernetes_files
from magnum.nodes.kubernetes.releases import PROGRAMS, Program, Release

STEPS = "steps/kubernetes"
CA = "-----BEGIN CERTIFICATE-----\nMIIcloud\n-----END CERTIFICATE-----\n"
VOLUME = "0b5a52f2-8d53-4cbb-9d7c-2a4a6f5f3d11"
DISK = "/dev/disk/by-id/virtio-0b5a52f2-8d53-4cbb-9"
APT = """#!/bin/bash
echo "apt-get ${*: -2} via ${http_proxy:-nothing}, services: $(tail -n 1 "$MAGNUM_ROOT/usr/sbin/policy-rc.d" 2>&1)" \
  >>"$STUBS/commands"
if [[ -s $STUBS/apt-fails ]]; then sed -i 1d "$STUBS/apt-fails"; echo "E: no such host" >&2; exit 100; fi
"""
BLKID = '#!/bin/bash\n[[ ! -s ${!#} ]] && exit 2\ncat "${!#}"\n'


def program(name: str) -> bytes:
    return f"#!/bin/sh\necho {name}\n".encode() * 1000


@pytest.fixture
def server(machine, new_cluster, worker, make_data):
    """Give a server whose node and cluster differ as said."""

    def make(*, data=(), cluster=(), node=()):
        told = {"coe": "kubernetes", "platform": Platform.DEBIAN, "role": "worker", **dict(data)}
        files = kubernetes_files(new_cluster(**dict(cluster)), msgspec.structs.replace(worker, **dict(node)))
        machine.install((*node_files(make_data(**told)), *files))
        machine.stub("uname", "#!/bin/sh\necho x86_64\n")
        return machine

    return make


class TestAuthorities:
    @pytest.mark.parametrize(
        ("program", "file"),
        [
            ("update-ca-certificates", "/usr/local/share/ca-certificates/openstack-ca.crt"),
            ("update-ca-trust", "/etc/pki/ca-trust/source/anchors/openstack-ca.pem"),
        ],
    )
    def test_the_clouds_is_trusted_by_the_system(self, server, program, file):
        machine = server(data={"api_ca": CA})
        machine.stub(program)
        assert machine.program(f"{STEPS}/02-trust-authorities").returncode == 0
        assert machine.path(file).read_text() == CA
        assert machine.commands == [f"{program} "]

    def test_without_one_nothing_is_done(self, server):
        machine = server()
        machine.stub("update-ca-certificates")
        assert machine.program(f"{STEPS}/02-trust-authorities").returncode == 0
        assert machine.commands == []


@pytest.mark.parametrize(("detected", "changed"), [(0, False), (1, True)])
def test_modules_of_the_kernel_are_loaded_where_it_is_the_servers_own(server, detected, changed):
    machine = server()
    machine.stub("systemd-detect-virt", f"#!/bin/sh\nexit {detected}\n")
    machine.stub("modprobe")
    assert machine.program(f"{STEPS}/03-load-modules").returncode == 0
    assert machine.commands == (["modprobe br_netfilter", "modprobe overlay"] if changed else [])
    assert machine.path("/etc/modules-load.d/magnum.conf").exists() is changed


class TestVolumes:
    @pytest.fixture
    def with_volume(self, server):
        machine = server(node={"volumes": (Volume(VOLUME, "/var/lib/etcd"),)})
        for tool in ("mount", "mkfs.ext4", "mkfs.xfs", "systemctl"):
            machine.stub(tool)
        machine.stub("blkid", BLKID)
        machine.stub("mountpoint", "#!/bin/sh\nexit 1\n")
        return machine

    def disk(self, machine, content: str, name: str = DISK):
        device = machine.path("/dev/vdb")
        link = machine.path(name)
        link.parent.mkdir(parents=True, exist_ok=True)
        device.write_text(content)
        link.symlink_to(device)
        machine.path(f"{name}-part1").symlink_to("/dev/null")
        return device

    @pytest.mark.parametrize("name", [DISK, f"/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_{VOLUME}"])
    def test_an_empty_one_gets_a_file_system_and_is_mounted_now_and_at_every_boot(self, with_volume, name):
        device = self.disk(with_volume, "", name)
        ran = with_volume.program(f"{STEPS}/04-mount-volumes")
        assert ran.returncode == 0, ran.stderr
        assert with_volume.commands == [
            f"mkfs.xfs -q {device}",
            f"mount {device} {with_volume.path('/var/lib/etcd')}",
            "systemctl daemon-reload",
            "systemctl --quiet enable magnum-volumes.service",
        ]
        unit = with_volume.path("/etc/systemd/system/magnum-volumes.service").read_text()
        assert "RequiredBy=containerd.service etcd.service" in unit

    def test_what_is_on_one_stays(self, with_volume):
        device = self.disk(with_volume, "ext4")
        assert with_volume.program(f"{STEPS}/04-mount-volumes").returncode == 0
        assert with_volume.commands[0] == f"mount {device} {with_volume.path('/var/lib/etcd')}"

    @pytest.mark.parametrize(
        ("blkid", "why"),
        [("#!/bin/sh\nexit 8\n", "cannot be told"), ("#!/bin/sh\nexit 0\n", "holds no file system, but")],
    )
    def test_what_is_not_understood_is_left_as_it_is(self, with_volume, blkid, why):
        self.disk(with_volume, "")
        with_volume.stub("blkid", blkid)
        ran = with_volume.program(f"{STEPS}/04-mount-volumes")
        assert (ran.returncode, why in ran.stderr, with_volume.commands) == (1, True, [])

    def test_one_that_is_empty_at_a_later_boot_is_not_formatted(self, with_volume):
        self.disk(with_volume, "")
        ran = with_volume.program("mount-volumes")
        assert (ran.returncode, with_volume.commands) == (1, [])
        assert "is empty, though this node has used it before" in ran.stderr

    def test_one_that_is_mounted_already_is_left(self, with_volume):
        self.disk(with_volume, "ext4")
        with_volume.stub("mountpoint", "#!/bin/sh\necho 7:0\n")
        assert with_volume.program("mount-volumes").returncode == 0
        assert with_volume.commands == []

    def test_what_else_is_mounted_there_is_covered(self, with_volume):
        device = self.disk(with_volume, "ext4")
        with_volume.stub("mountpoint", '#!/bin/sh\n[ "$1" = --devno ] && echo 7:0 || echo 254:0\n')
        assert with_volume.program("mount-volumes").returncode == 0
        assert with_volume.commands == [f"mount {device} {with_volume.path('/var/lib/etcd')}"]

    def test_one_that_is_not_attached_is_named(self, with_volume):
        ran = with_volume.program("mount-volumes", MAGNUM_VOLUME_SECONDS="0")
        assert ran.returncode == 1
        assert f"volume {VOLUME} is not among this machine's disks after 0 s" in ran.stderr


class TestPackages:
    TOOLS = ("containerd", "ctr", "runc", "iptables", "conntrack", "socat", "openssl", "ip", "update-ca-certificates")

    @pytest.fixture
    def whole(self, server):
        def make(**changes):
            machine = server(**changes)
            for tool in (*self.TOOLS, "etcd"):
                machine.stub(tool)
            plugin = machine.path("/usr/lib/cni/loopback")
            plugin.parent.mkdir(parents=True)
            plugin.touch()
            machine.stub("apt-get", APT)
            return machine

        return make

    def test_an_image_that_holds_all_asks_nobody(self, whole):
        machine = whole()
        assert machine.program(f"{STEPS}/06-install-packages").returncode == 0
        assert machine.commands == []

    def test_what_is_missing_is_installed_through_the_proxy_and_not_started(self, whole):
        machine = whole(data={"engine": Engine(http_proxy="http://proxy:3128")})
        machine.path("/usr/lib/cni/loopback").unlink()
        ran = machine.program(f"{STEPS}/06-install-packages")
        assert ran.returncode == 0, ran.stderr
        update, install = machine.commands
        assert "update via http://proxy:3128" in update
        assert "install containernetworking-plugins via http://proxy:3128, services: exit 101" in install
        assert not machine.path("/usr/sbin/policy-rc.d").exists()

    def test_somebody_elses_policy_stays(self, whole):
        machine = whole()
        machine.path("/usr/lib/cni/loopback").unlink()
        policy = machine.path("/usr/sbin/policy-rc.d")
        policy.parent.mkdir(parents=True)
        policy.write_text("#!/bin/sh\nexit 102\n")
        assert machine.program(f"{STEPS}/06-install-packages").returncode == 0
        assert "services: exit 102" in machine.commands[1]
        assert policy.exists()

    def test_it_is_tried_again_and_then_told(self, whole):
        machine = whole()
        machine.path("/usr/lib/cni/loopback").unlink()
        (machine.stubs / "apt-fails").write_text("once\ntwice\n")
        assert machine.program(f"{STEPS}/06-install-packages").returncode == 0
        assert [command for command in machine.commands if command.startswith("sleep")] == ["sleep 2", "sleep 4"]
        (machine.stubs / "apt-fails").write_text("again\n" * 9)
        ran = machine.program(f"{STEPS}/06-install-packages")
        assert (ran.returncode, ran.stderr) == (1, "the lists of packages cannot be had: E: no such host \n")


class Mirror(ThreadingHTTPServer):
    """Has every program, breaks off once in the middle of those in `breaks`, and gives others wrongly."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.breaks: set[str] = set()
        self.wrong: set[str] = set()
        self.asked: list[tuple[str, str]] = []

    @property
    def release(self) -> Release:
        digests = {name: hashlib.sha256(program(name)).hexdigest() for name in PROGRAMS}
        programs = (Program("amd64", name, digest) for name, digest in digests.items())
        return Release(f"http://127.0.0.1:{self.server_port}", (*programs, Program("arm64", "kubelet", "0" * 64)))


class _Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        mirror, name = self.server, self.path.rpartition("/")[2]
        content = b"other" if name in mirror.wrong else program(name)
        begins = self.headers.get("Range", "bytes=0-")
        mirror.asked.append((self.path, begins))
        begin = int(begins[6:-1])
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin : len(content) // 2 if name in mirror.breaks else None])
        mirror.breaks.discard(name)

    def log_message(self, *_: object) -> None:
        pass


class TestPrograms:
    """With the real curl."""

    @pytest.fixture
    def mirror(self) -> Iterator[Mirror]:
        with Mirror() as mirror:
            thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield mirror
            mirror.shutdown()
            thread.join()

    @pytest.fixture
    def fetching(self, server, mirror):
        machine = server(cluster={"release": mirror.release})
        (machine.bin / "curl").unlink()
        return machine

    def kubelet(self, machine):
        return machine.path("/opt/kubernetes/bin/kubelet")

    def test_those_of_a_role_are_fetched_once(self, fetching, mirror):
        for _ in "again":
            ran = fetching.program(f"{STEPS}/08-fetch-programs")
            assert ran.returncode == 0, ran.stderr
        assert sorted(path for path, _ in mirror.asked) == ["/amd64/kube-proxy", "/amd64/kubelet"]
        for name in ("kubelet", "kube-proxy"):
            path = self.kubelet(fetching).with_name(name)
            assert (path.read_bytes(), path.stat().st_mode & 0o777) == (program(name), 0o755)
        assert len(list(self.kubelet(fetching).parent.iterdir())) == 2

    def test_what_was_broken_off_goes_on_where_it_was(self, fetching, mirror):
        mirror.breaks.add("kubelet")
        assert fetching.program(f"{STEPS}/08-fetch-programs").returncode == 0
        half = len(program("kubelet")) // 2
        assert [begins for path, begins in mirror.asked if path.endswith("kubelet")] == ["bytes=0-", f"bytes={half}-"]
        assert self.kubelet(fetching).read_bytes() == program("kubelet")

    def test_what_has_another_digest_is_never_put_in_place(self, fetching, mirror):
        mirror.wrong.add("kubelet")
        ran = fetching.program(f"{STEPS}/08-fetch-programs")
        assert ran.returncode == 1
        assert "kubelet cannot be fetched: " in ran.stderr
        assert hashlib.sha256(b"other").hexdigest() in ran.stderr
        assert len(mirror.asked) == 5
        assert not self.kubelet(fetching).exists()

    def test_what_is_there_with_another_digest_is_replaced(self, fetching):
        self.kubelet(fetching).parent.mkdir(parents=True)
        self.kubelet(fetching).write_bytes(b"older")
        self.kubelet(fetching).chmod(0o755)
        self.kubelet(fetching).with_name(f".kubelet.{'0' * 64}").write_bytes(b"left of something else, " * 10_000)
        ran = fetching.program(f"{STEPS}/08-fetch-programs")
        assert ran.returncode == 0, ran.stderr
        assert self.kubelet(fetching).read_bytes() == program("kubelet")

    def test_a_machine_for_which_there_are_none_is_told_so(self, fetching):
        fetching.stub("uname", "#!/bin/sh\necho riscv64\n")
        ran = fetching.program(f"{STEPS}/08-fetch-programs")
        assert (ran.returncode, ran.stderr) == (
            1,
            "there are no programs for this machine, riscv64: kubelet kube-proxy \n",
        )

    def test_a_mirror_that_cannot_be_reached_is_named(self, server):
        machine = server(cluster={"release": Release("http://127.0.0.1:1", (Program("amd64", "kubelet", "0" * 64),))})
        (machine.bin / "curl").unlink()
        ran = machine.program(f"{STEPS}/08-fetch-programs")
        assert ran.returncode == 1
        assert "http://127.0.0.1:1/amd64/kubelet cannot be fetched: curl: (7)" in ran.stderr


def test_all_of_it_comes_before_what_every_machine_does(server):
    steps = sorted(path.name for path in server().path("/usr/local/lib/magnum-node/steps/kubernetes").iterdir())
    assert steps[:6] == [
        *("02-trust-authorities", "03-load-modules", "04-mount-volumes"),
        *("06-install-packages", "08-fetch-programs", "10-check-image"),
    ]
