"""The files of a node, for every version that there is."""

import re

import pytest
import yaml

from magnum.nodes.cloud_init import MAX_BYTES, cloud_config
from magnum.nodes.kubernetes.cluster import NetworkDriver, Options
from magnum.nodes.kubernetes.files import CLOSED_FOLDERS
from magnum.nodes.kubernetes.versions import NEWEST, OLDEST

from .conftest import SECRETS, content, flags

EVERY_MINOR = range(OLDEST, NEWEST + 1)


IMAGE = re.compile(r"\b[a-z0-9.-]+(?::[0-9]+)?/(?:[a-z0-9._-]+/)*[a-z0-9._-]+:v?[0-9][A-Za-z0-9._-]*")


@pytest.mark.parametrize("role", ["master", "worker"])
@pytest.mark.parametrize("minor", EVERY_MINOR)
def test_the_files_of_a_node_name_no_image_but_the_one_that_is_made_here(rendered, role, minor):
    """Everything else that a cluster is made of is on the bill of its add-ons."""
    for driver in NetworkDriver:
        files = rendered(minor, role, pause_image="localhost/magnum/pause:1", network_driver=driver)
        named = {name for file in files.values() for name in IMAGE.findall(file.content.decode(errors="replace"))}
        assert named == {"localhost/magnum/pause:1"}


@pytest.mark.parametrize("minor", EVERY_MINOR)
class TestEveryVersion:
    def test_ports_without_tls_are_shut_where_there_are_any(self, rendered, minor):
        files = rendered(minor)
        assert ("insecure-port" in flags(files, "kube-apiserver")) == (minor < 24)
        for unit in ("kube-controller-manager", "kube-scheduler"):
            assert ("port" in flags(files, unit)) == (minor < 24)
            assert flags(files, unit)["bind-address"] == "127.0.0.1"
        assert ("healthzBindAddress" in content(files, "scheduler.yaml")) == (minor < 23)

    def test_who_says_nothing_of_himself_is_refused_but_for_health(self, rendered, minor):
        files = rendered(minor)
        api = flags(files, "kube-apiserver")
        if minor < 32:
            assert api["anonymous-auth"] == "false"
            assert "authentication-config" not in api
            assert "/etc/kubernetes/authentication.yaml" not in files
        else:
            assert "anonymous-auth" not in api
            told = yaml.safe_load(files[api["authentication-config"]].content)
            assert told["apiVersion"] == f"apiserver.config.k8s.io/{'v1beta1' if minor < 34 else 'v1'}"
            paths = {condition["path"] for condition in told["anonymous"]["conditions"]}
            assert paths == {"/livez", "/readyz", "/healthz"}

    def test_the_schedulers_configuration_has_the_versions_form(self, rendered, minor):
        version = "v1beta1" if minor < 22 else "v1beta2" if minor < 23 else "v1beta3" if minor < 25 else "v1"
        told = content(rendered(minor), "scheduler.yaml")
        assert told["apiVersion"] == f"kubescheduler.config.k8s.io/{version}"

    def test_the_kubelet_is_told_of_its_runtime_once(self, rendered, minor):
        files = rendered(minor, "worker")
        kubelet, told = flags(files, "kubelet"), content(files, "kubelet.yaml")
        assert ("container-runtime" in kubelet) == (minor < 24)
        assert ("container-runtime-endpoint" in kubelet) == (minor < 27)
        assert ("containerRuntimeEndpoint" in told) == (minor >= 27)
        assert ("pod-infra-container-image" in kubelet) == (minor < 35)

    def test_a_master_registers_with_taints_and_a_worker_with_none(self, rendered, minor):
        for role in ("master", "worker"):
            files = rendered(minor, role)
            in_flag = "register-with-taints" in flags(files, "kubelet")
            in_file = "registerWithTaints" in content(files, "kubelet.yaml")
            assert (in_flag, in_file) == (role == "master" and minor < 23, role == "master" and minor >= 23)

    def test_a_kubelet_says_nothing_of_itself_that_it_may_not(self, rendered, minor):
        """NodeRestriction lets no kubelet label its node with a role."""
        labels = flags(rendered(minor), "kubelet")["node-labels"]
        assert labels == "magnum.openstack.org/nodegroup=default-master,magnum.openstack.org/role=master"

    def test_every_file_that_is_named_is_there(self, rendered, minor):
        certificates = re.compile(r"/etc/magnum/certificates/[a-z-]+\.(?:crt|key)")
        for role in ("master", "worker"):
            files = rendered(minor, role)
            lines = files["/etc/magnum/node/certificates"].content.decode().splitlines()
            made = {line.partition("|")[0] for line in lines}
            made |= {line.partition("|")[0] for line in files["/etc/magnum/node/authorities"].content.decode().split()}
            for file in files.values():
                text = file.content.decode()
                assert set(re.findall(r"/etc/kubernetes/[a-z.-]+", text)) <= files.keys()
                named = {path.rpartition("/")[2].rpartition(".")[0] for path in certificates.findall(text)}
                assert named <= made, file.path


def test_a_worker_has_nothing_of_the_control_plane(rendered):
    names = {path.rpartition("/")[2] for path in rendered(20, "worker")}
    assert not {
        name
        for name in names
        if re.search("etcd|apiserver|controller|scheduler|service-account|encryption|audit", name)
    }


def test_secrets_are_on_masters_only_and_for_root_only(rendered):
    secrets = (SECRETS.service_account_key, SECRETS.encryption_key)
    for role in ("master", "worker"):
        holding = [
            file
            for file in rendered(20, role).values()
            if any(secret.strip() in file.content.decode() for secret in secrets)
        ]
        assert len(holding) == (2 if role == "master" else 0)
        for file in holding:
            assert file.mode == 0o600
            assert file.path.rpartition("/")[0] in CLOSED_FOLDERS


def test_secrets_are_sealed_in_etcd_and_old_ones_stay_readable(rendered):
    [resource] = content(rendered(20), "encryption.yaml")["resources"]
    assert resource["resources"] == ["secrets"]
    assert [list(provider) for provider in resource["providers"]] == [["secretbox"], ["identity"]]


def test_etcd_believes_nobody_without_a_certificate(rendered):
    etcd = flags(rendered(20), "etcd")
    assert (etcd["client-cert-auth"], etcd["peer-client-cert-auth"]) == ("true", "true")
    assert etcd["trusted-ca-file"] == etcd["peer-trusted-ca-file"] == "/etc/magnum/certificates/etcd-ca.crt"
    assert all(url.startswith("https://") for url in etcd["listen-client-urls"].split(","))
    assert etcd["listen-metrics-urls"] == "http://127.0.0.1:2381"


def test_a_master_speaks_with_its_own_api_and_a_worker_with_the_clusters(rendered, new_cluster):
    assert "https://127.0.0.1:6443" in rendered(20)["/etc/kubernetes/kubelet.kubeconfig"].content.decode()
    worker = rendered(20, "worker", api_port=7443)
    assert "https://10.77.5.10:7443" in worker["/etc/kubernetes/kubelet.kubeconfig"].content.decode()


def test_what_its_owner_adds_comes_last(rendered):
    options = Options(apiserver="--v=4 --profiling=true", kubelet="--v=3")
    text = rendered(20, options=options)["/etc/systemd/system/kube-apiserver.service"].content.decode()
    assert "  --v=4 --profiling=true\nRestart=always" in text


def test_it_fits_into_the_user_data_of_a_server(rendered, make_data):
    files = tuple(rendered(37).values())
    text = cloud_config(make_data(coe="kubernetes", role="master"), files, closed_folders=CLOSED_FOLDERS)
    assert len(text) < MAX_BYTES
    document = yaml.safe_load(text)
    assert document["bootcmd"] == [["install", "--directory", "--mode=0700", "/etc/magnum/node", "/etc/kubernetes"]]
    assert "/usr/local/lib/magnum-node/steps/kubernetes/50-start-kubernetes" in {
        entry["path"] for entry in document["write_files"]
    }
