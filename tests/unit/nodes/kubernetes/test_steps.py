"""The node program's steps of Kubernetes, run by bash with stand-ins for the programs that they start."""

import json
import shlex
import tomllib

import pytest
import yaml
from cryptography import x509

from magnum.certificates.limits import check_node_request
from magnum.model.signing import CaType
from magnum.nodes.files import node_files
from magnum.nodes.kubernetes.certificates import certificates_of, limits_of
from magnum.nodes.kubernetes.files import kubernetes_files

STEPS = "steps/kubernetes"
PROGRAMS = ("kubelet", "kube-proxy", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
TOOLS = ("containerd", "ctr", "runc", "systemctl", "iptables", "conntrack", "etcd", "journalctl")


@pytest.fixture
def node(request):
    """The role of a test's node; a worker's unless it says otherwise."""
    return request.getfixturevalue(getattr(request, "param", "worker"))


@pytest.fixture
def kubernetes_machine(machine, new_cluster, node, make_data):
    data = make_data(coe="kubernetes", node_name=node.name, role=node.role, address=str(node.address))
    machine.install((*node_files(data), *kubernetes_files(new_cluster(), node)))
    for tool in TOOLS:
        machine.stub(tool)
    machine.stub("systemd-detect-virt", "#!/bin/sh\nexit 1\n")
    programs = machine.path("/opt/kubernetes/bin")
    programs.mkdir(parents=True)
    for name in PROGRAMS:
        (programs / name).write_text("#!/bin/sh\necho Kubernetes v1.20.2\n")
        (programs / name).chmod(0o755)
    return machine


@pytest.mark.parametrize("node", ["master", "worker"], indirect=True)
class TestCheckImage:
    def test_a_whole_one_is_fine(self, kubernetes_machine):
        ran = kubernetes_machine.program(f"{STEPS}/10-check-image")
        assert (ran.returncode, ran.stdout) == (0, "Kubernetes v1.20.2\n")

    def test_a_program_that_is_missing_is_named(self, kubernetes_machine):
        kubernetes_machine.path("/opt/kubernetes/bin/kube-proxy").unlink()
        ran = kubernetes_machine.program(f"{STEPS}/10-check-image")
        assert ran.returncode == 1
        assert "/opt/kubernetes/bin/kube-proxy" in ran.stderr

    def test_one_of_another_kind_of_machine_is_named(self, kubernetes_machine):
        kubernetes_machine.path("/opt/kubernetes/bin/kubelet").write_text("#!/bin/sh\nexit 126\n")
        ran = kubernetes_machine.program(f"{STEPS}/10-check-image")
        assert ran.returncode == 1
        assert "another kind of processor" in ran.stderr


def test_a_worker_needs_no_programs_of_the_control_plane(kubernetes_machine):
    for name in PROGRAMS[2:]:
        kubernetes_machine.path(f"/opt/kubernetes/bin/{name}").unlink()
    (kubernetes_machine.bin / "etcd").unlink()
    assert kubernetes_machine.program(f"{STEPS}/10-check-image").returncode == 0


@pytest.mark.parametrize("node", ["master", "worker"], indirect=True)
def test_each_request_is_within_what_the_nodes_credential_may_have_signed(kubernetes_machine, new_cluster, node):
    certificates = certificates_of(new_cluster(), node)
    limits = limits_of(certificates)
    kubernetes_machine.answer((0, 400, "no"))
    for certificate in certificates:
        name, ca, subject, usages, names = certificate.line().split("|")
        words = [name, subject, usages, names, "ca.crt", ca]
        assert kubernetes_machine.shell(f"make_certificate {shlex.join(words)}").returncode == 1
        body = json.loads(kubernetes_machine.calls[-1].partition("--- body\n")[2])
        assert body["ca_cert_type"] == certificate.ca
        csr = x509.load_pem_x509_csr(body["csr"].encode())
        assert csr.is_signature_valid
        check_node_request(csr, certificate.ca, limits)


def test_the_step_asks_for_each_authority_and_each_certificate(kubernetes_machine):
    kubernetes_machine.stub(
        "openssl", '#!/bin/bash\ncase "$1" in verify | x509) cat >/dev/null ;; *) echo made ;; esac\n'
    )
    kubernetes_machine.answer((0, 200, json.dumps({"pem": "a certificate"})))
    ran = kubernetes_machine.program(f"{STEPS}/20-make-certificates")
    assert ran.returncode == 0, ran.stderr
    assert len(kubernetes_machine.calls) == 3
    assert f"?ca_cert_type={CaType.KUBERNETES}" in kubernetes_machine.calls[0]
    made = sorted(path.name for path in kubernetes_machine.path("/etc/magnum/certificates").iterdir())
    assert made == ["ca.crt", "kube-proxy.crt", "kube-proxy.key", "kubelet.crt", "kubelet.key"]


def test_the_images_that_came_with_the_machine_are_imported(kubernetes_machine):
    images = kubernetes_machine.path("/opt/kubernetes/images")
    images.mkdir()
    (images / "pause.tar").write_bytes(b"")
    ran = kubernetes_machine.program(f"{STEPS}/30-start-engine")
    assert ran.returncode == 0, ran.stderr
    assert "systemctl restart --no-block containerd.service" in kubernetes_machine.commands
    assert f"ctr --namespace k8s.io images import {images}/pause.tar" in kubernetes_machine.commands


def test_the_operators_images_are_imported_and_waited_for(kubernetes_machine, new_cluster, node):
    images = kubernetes_machine.path("/opt/kubernetes/own-images")
    images.mkdir()
    (images / "flannel.tar").write_bytes(b"")
    assert kubernetes_machine.program(f"{STEPS}/30-start-engine").returncode == 0
    assert not [command for command in kubernetes_machine.commands if "import-images" in command]
    kubernetes_machine.install(kubernetes_files(new_cluster(watches_images=True), node))
    assert kubernetes_machine.program(f"{STEPS}/30-start-engine").returncode == 0
    assert f"ctr --namespace k8s.io images import {images}/flannel.tar" in kubernetes_machine.commands
    assert "systemctl restart --no-block import-images.path" in kubernetes_machine.commands
    kubernetes_machine.stub("ctr", '#!/bin/sh\n[ "$1" = version ]\n')
    ran = kubernetes_machine.program(f"{STEPS}/30-start-engine")
    assert (ran.returncode, "flannel.tar cannot be imported" in ran.stderr) == (1, True)


@pytest.mark.parametrize(("node", "members"), [("master", 1), ("worker", 0)], indirect=["node"])
def test_etcd_is_started_on_masters_alone(kubernetes_machine, members):
    ran = kubernetes_machine.program(f"{STEPS}/40-start-etcd")
    assert ran.returncode == 0, ran.stderr
    assert kubernetes_machine.commands.count("systemctl restart --no-block etcd.service") == members
    assert len(kubernetes_machine.calls) == members


@pytest.mark.parametrize(("node", "asked"), [("master", 4), ("worker", 1)], indirect=["node"])
def test_all_is_started_at_once_and_each_is_asked_whether_it_is_well(kubernetes_machine, asked):
    ran = kubernetes_machine.program(f"{STEPS}/50-start-kubernetes")
    assert ran.returncode == 0, ran.stderr
    [started] = [command for command in kubernetes_machine.commands if "restart" in command]
    assert ("kube-apiserver.service" in started) == (asked == 4)
    assert started.endswith("pod-network.service kubelet.service kube-proxy.service")
    assert len(kubernetes_machine.calls) == asked
    if asked == 4:
        assert "https://127.0.0.1:6443/readyz" in kubernetes_machine.calls[0]


@pytest.mark.parametrize(("detected", "shares"), [(0, True), (1, False)])
def test_a_machine_that_shares_its_kernel_favours_nobody_and_takes_no_full_disk_for_its_own(
    kubernetes_machine, detected, shares
):
    kubernetes_machine.stub("systemd-detect-virt", f"#!/bin/sh\nexit {detected}\n")
    kubelet = kubernetes_machine.path("/etc/kubernetes/kubelet.yaml")
    before = yaml.safe_load(kubelet.read_text())
    for _ in "again":
        assert kubernetes_machine.program(f"{STEPS}/30-start-engine").returncode == 0
        assert kubernetes_machine.program(f"{STEPS}/50-start-kubernetes").returncode == 0
    added = {
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
    }
    assert yaml.safe_load(kubelet.read_text()) == (before | added if shares else before)
    assert kubelet.stat().st_mode & 0o777 == 0o600
    containerd = tomllib.loads(kubernetes_machine.path("/etc/containerd/config.toml").read_text())
    assert containerd["plugins"]["io.containerd.grpc.v1.cri"]["restrict_oom_score_adj"] is shares


def test_pods_ask_those_for_names_whom_the_systems_cache_asks(kubernetes_machine):
    names = kubernetes_machine.path("/run/systemd/resolve/resolv.conf")
    names.parent.mkdir(parents=True)
    names.write_text("nameserver 192.0.2.53\n")
    assert kubernetes_machine.program(f"{STEPS}/50-start-kubernetes").returncode == 0
    kubelet = yaml.safe_load(kubernetes_machine.path("/etc/kubernetes/kubelet.yaml").read_text())
    assert kubelet["resolvConf"] == "/run/systemd/resolve/resolv.conf"


def test_what_does_not_come_up_in_time_is_told_with_the_end_of_its_log(kubernetes_machine):
    kubernetes_machine.stub("journalctl", "#!/bin/sh\necho panic: no such flag\n")
    script = 'never() { echo "connection refused"; false; }; until_true 0 "it is not ready" it.service never'
    ran = kubernetes_machine.shell(script, library="units")
    assert ran.returncode == 1
    assert ran.stdout == (
        "it is not ready after 0 s: connection refused; the log of it.service ends with:\npanic: no such flag\n"
    )
