"""A node whose programs run in containers: the same files and flags, and what its system is asked to do for them."""

import hashlib
import io
import re
import shlex
import subprocess
import tarfile
import tomllib

import msgspec
import pytest
from ignition_checker import checked, written

from magnum.nodes.data import Engine, Platform
from magnum.nodes.files import node_files
from magnum.nodes.ignition import Ignition
from magnum.nodes.kubernetes.cluster import NetworkDriver
from magnum.nodes.kubernetes.files import CLOSED_FOLDERS, kubernetes_files
from magnum.nodes.kubernetes.images import Archive, Images
from magnum.nodes.kubernetes.versions import NEWEST, OLDEST, Version
from magnum.nodes.packing import Contents, pack

STEPS = "steps/kubernetes"
PREFIX = "203.0.113.5:5000/magnum/"
IMAGES = Images(prefix=PREFIX)
UNITS = "/etc/systemd/system/"
PROGRAMS = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"}
URL = "https://heat/v1/waitcondition/arn%3A?Signature=a%2Fb%3D"


def words(files, name) -> list[str]:
    text = files[f"{UNITS}{name}.service"].content.decode()
    return shlex.split(re.search(r"^ExecStart=(.*?[^\\])$", text, re.MULTILINE | re.DOTALL)[1].replace("\\\n", " "))


@pytest.mark.parametrize("minor", range(OLDEST, NEWEST + 1))
@pytest.mark.parametrize("role", ["master", "worker"])
def test_only_what_starts_the_programs_differs(rendered, role, minor):
    native, contained = rendered(minor, role), rendered(minor, role, images=IMAGES)
    own = {path for path in contained if native.get(path) != contained[path]}
    running = PROGRAMS if role == "master" else {"kubelet", "kube-proxy"}
    assert own == {
        *(f"{UNITS}{name}.service" for name in running),
        *("/etc/magnum/node/images", "/etc/containerd/config.toml", f"{UNITS}pod-network.service"),
    }
    for name in running:
        command = words(contained, name)
        image = IMAGES.of(name, Version.parse(f"v1.{minor}.3"))
        assert command[:3] == ["/usr/bin/podman", "run", f"--name={name}"]
        begin = command.index(image)
        assert command[begin - 1] == f"--entrypoint=/usr/local/bin/{name}"
        assert command[begin + 1 :] == words(native, name)[1:]
        assert image in contained["/etc/magnum/node/images"].content.decode().splitlines()


@pytest.mark.parametrize("role", ["master", "worker"])
def test_each_sees_every_file_that_its_flags_name(rendered, role):
    files = rendered(25, role, images=IMAGES)
    for name in PROGRAMS if role == "master" else {"kubelet", "kube-proxy"}:
        command = words(files, name)
        seen = [word.removeprefix("--volume=").split(":")[1] for word in command if word.startswith("--volume=")]
        named = re.findall(r"=(?:unix://)?(/[A-Za-z0-9/._-]+)", " ".join(command[command.index(f"--name={name}") :]))
        flags = [path for path in named if not path.startswith("/usr/local/bin/") and path not in seen]
        text = " ".join(file.content.decode() for path, file in files.items() if path == f"/etc/kubernetes/{name}.yaml")
        for path in [*flags, *re.findall(r"/etc/(?:kubernetes|magnum)/[A-Za-z0-9/._-]+", text)]:
            assert any(path.startswith(folder) for folder in seen), (name, path)


@pytest.mark.parametrize("role", ["master", "worker"])
@pytest.mark.parametrize("images", [None, IMAGES])
def test_systemd_understands_every_unit(rendered, tmp_path, images, role):
    # Programs that this machine does not have are another one's.
    program = re.compile(r"^(Exec\w+=-?)/\S+", re.MULTILINE)
    paths = []
    for path, file in rendered(25, role, images=images).items():
        if path.startswith(UNITS) and path.endswith((".service", ".path")) and "/" not in path.removeprefix(UNITS):
            unit = tmp_path / path.removeprefix(UNITS)
            unit.write_text(program.sub(r"\1/bin/true", file.content.decode()))
            paths.append(unit)
    assert len(paths) >= 3
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True, timeout=60, check=False
    )
    complaints = [line for line in ran.stderr.splitlines() if str(tmp_path) in line]
    assert (ran.returncode, complaints) == (0, []), ran.stderr


def test_images_are_of_the_version_and_from_where_they_are_published():
    old, new = Version.parse("v1.23.3-rancher1"), Version.parse("v1.34.1")
    assert Images().of("kubelet", old) == "docker.io/rancher/hyperkube:v1.23.3-rancher1"
    assert Images(hyperkube_prefix="quay.io/mine/").of("kubelet", old) == "quay.io/mine/hyperkube:v1.23.3-rancher1"
    assert Images().of("etcd", old) == "quay.io/coreos/etcd:v3.4.6"
    assert Images(etcd_tag="v3.5.9").of("etcd", new) == "quay.io/coreos/etcd:v3.5.9"
    assert IMAGES.of("kube-proxy", new) == f"{PREFIX}kube-proxy:v1.34.1"
    with pytest.raises(ValueError, match="container_infra_prefix"):
        Images().of("kubelet", new)


@pytest.mark.parametrize("changes", [{"prefix": "no-slash"}, {"prefix": "a b/"}, {"etcd_tag": "v3;rm"}])
def test_what_is_no_name_of_an_image_is_refused(changes):
    with pytest.raises(ValueError, match="does not have the form"):
        Images(**changes)


@pytest.fixture
def coreos(machine, new_cluster, worker, master, make_data):
    """Give a node of Fedora CoreOS, as Ignition makes it."""

    def make(*, role="worker", data=(), **cluster):
        node = {"worker": worker, "master": master}[role]
        told = make_data(
            coe="kubernetes", platform=Platform.FEDORA_COREOS, role=role, node_name=node.name, **dict(data)
        )
        files = kubernetes_files(new_cluster(**({"images": IMAGES} | cluster)), node)
        document = pack({1: Contents(told, files)}, closed_folders=CLOSED_FOLDERS, form=Ignition()).of(1, URL)
        machine.install(written(checked(document)))
        assert {file.path for file in (*node_files(told), *files)} < {
            f"/{path.relative_to(machine.root)}" for path in machine.root.rglob("*")
        }
        return machine

    return make


def test_it_has_its_name_and_leaves_the_networks_of_pods_alone(coreos):
    machine = coreos()
    assert machine.path("/etc/hostname").read_text() == "web-worker-1\n"
    assert "cali*" in machine.path("/etc/NetworkManager/conf.d/90-pods.conf").read_text()
    assert machine.path("/etc/magnum/node/heat_signal_url").read_text() == URL


def test_steps_are_those_of_the_system(coreos):
    machine = coreos()
    names = {path.name for path in machine.path("/usr/local/lib/magnum-node/steps/kubernetes").iterdir()}
    assert {"02-trust-authorities", "06-install-containerd", "08-pull-images", "30-start-engine"} < names
    assert not {"06-install-packages", "08-fetch-programs"} & names
    for tool in ("containerd", "ctr", "runc", "podman", "openssl", "systemctl", "iptables", "ip"):
        machine.stub(tool)
    assert machine.program(f"{STEPS}/10-check-image").returncode == 0  # no programs of Kubernetes are looked for


@pytest.mark.parametrize(("role", "count"), [("worker", 1), ("master", 2)])
def test_each_image_is_pulled_once_and_named_when_it_cannot_be(coreos, role, count):
    machine = coreos(role=role)
    machine.stub("podman", '#!/bin/bash\necho "podman $*" >>"$STUBS/commands"\n[[ $1 != image ]]\n')
    assert machine.program(f"{STEPS}/08-pull-images").returncode == 0
    pulled = [command for command in machine.commands if "pull" in command]
    assert len(pulled) == count
    assert pulled[0] == f"podman pull --quiet {PREFIX}hyperkube:v1.20.3"
    machine.stub("podman", "#!/bin/sh\n[ $1 = image ] || echo no such host >&2\nexit 125\n")
    ran = machine.program(f"{STEPS}/08-pull-images")
    assert (ran.returncode, ran.stderr) == (
        1,
        f"the image {PREFIX}hyperkube:v1.20.3 cannot be pulled: no such host \n",
    )


def test_podman_asks_the_same_registries_without_tls(coreos):
    machine = coreos(engine=Engine(insecure_registries=("203.0.113.5:5000", "mirror")))
    told = tomllib.loads(machine.path("/etc/containers/registries.conf.d/50-magnum.conf").read_text())
    assert told == {
        "registry": [
            {"location": "203.0.113.5:5000", "insecure": True},
            {"location": "mirror", "insecure": True},
        ]
    }


class TestContainerd:
    def archive(self) -> bytes:
        """Give one whose programs come to where the tests look for some."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name in ("opt/cni/bin/loopback", "etc/cni/net.d/10-default.conflist", "etc/crictl.yaml"):
                entry = tarfile.TarInfo(name)
                entry.mode = 0o755
                tar.addfile(entry)
        return buffer.getvalue()

    def test_a_system_that_has_it_asks_nobody(self, coreos):
        machine = coreos()
        for tool in ("containerd", "ctr", "runc"):
            machine.stub(tool)
        plugin = machine.path("/usr/libexec/cni/loopback")
        plugin.parent.mkdir(parents=True)
        plugin.touch(0o755)
        assert machine.program(f"{STEPS}/06-install-containerd").returncode == 0
        assert machine.calls == []

    def test_what_is_missing_comes_from_the_archive(self, coreos, tmp_path):
        archive = tmp_path / "archive"
        archive.write_bytes(self.archive())
        told = Archive("https://mirror/containerd.tar.gz", hashlib.sha256(archive.read_bytes()).hexdigest())
        machine = coreos(images=msgspec.structs.replace(IMAGES, containerd=told))
        for tool in ("containerd", "ctr", "runc"):
            machine.stub(tool)
        machine.stub("curl", f'#!/bin/bash\nwhile (($#)); do [[ $1 != --output ]] || cp {archive} "$2"; shift; done\n')
        ran = machine.program(f"{STEPS}/06-install-containerd")
        assert ran.returncode == 0, ran.stderr
        assert machine.path("/opt/cni/bin/loopback").exists()
        assert not machine.path("/etc/cni/net.d/10-default.conflist").exists()
        assert not machine.path("/etc/crictl.yaml").exists()

    def test_a_system_without_it_that_was_told_of_none_says_so(self, coreos):
        ran = coreos().program(f"{STEPS}/06-install-containerd")
        assert (ran.returncode, "no containerd, runc or plug-ins" in ran.stderr) == (1, True)


@pytest.mark.parametrize("driver", NetworkDriver)
@pytest.mark.parametrize("role", ["master", "worker"])
def test_its_configuration_fits_into_what_a_server_takes(coreos, role, driver):
    coreos(role=role, data={"api_ca": "-----BEGIN CERTIFICATE-----\n" + "MIIx" * 700 + "\n"}, network_driver=driver)
