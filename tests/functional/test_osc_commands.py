"""The commands that this package adds to `openstack coe`, against a live service with simulated machines."""

import re
import ssl
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from importlib.metadata import version
from pathlib import Path

import pytest
import urllib3
from cryptography import x509
from programs import COMMANDS, SECONDS, Openstack, Standalone

TEMPLATE = ("--image", "fake", "--external-network", "public")
CLUSTER = ("coe", "cluster")
BROKEN = "fake_faults=break:docker@worker-2:no space left on device"


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Standalone]:
    path = tmp_path_factory.mktemp("standalone") / "var"
    with Standalone(path, "\n[drivers]\ndisabled_drivers = local_swarm\n") as service:
        yield service


@pytest.fixture(scope="module")
def openstack(service) -> Openstack:
    command = service.openstack
    command("coe", "cluster", "template", "create", "swarm", "--coe", "swarm-mode", *TEMPLATE)
    command("coe", "cluster", "template", "create", "kube", "--coe", "kubernetes", *TEMPLATE)
    return command


@pytest.fixture(scope="module")
def web(openstack) -> str:
    """A cluster that is complete."""
    openstack(*CLUSTER, "create", "web", "--cluster-template", "swarm", "--node-count", "2")
    assert "is CREATE_COMPLETE" in openstack(*CLUSTER, "wait", "web")
    return "web"


@pytest.fixture(scope="module")
def kube(openstack) -> str:
    openstack(*CLUSTER, "create", "kube", "--cluster-template", "kube")
    openstack(*CLUSTER, "wait", "kube", "--no-progress")
    return "kube"


def test_they_are_listed_in_the_help_of_the_command_as_it_is_installed():
    done = subprocess.run(
        [COMMANDS / "openstack", "help", "coe", "cluster"], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    for name in ("event list", "operation list", "wait", "plan", "retry", "kubeconfig"):
        assert f"coe cluster {name}\n" in done.stdout
    assert version("python-magnumclient").startswith(("4.", "5."))


# ---- events and operations


def test_events(openstack, web):
    shown = openstack.show(*CLUSTER, "event", "list", web)
    assert set(shown[0]) == {"created_at", "level", "kind", "text"}
    assert shown[0]["text"] == "The cluster was asked for, with master_count 1 and node_count 2."
    assert shown[-1]["text"] == "The create is done."
    few = openstack.show(*CLUSTER, "event", "list", web, "--newest-first", "--limit", "2", "--long")
    assert [one["text"] for one in few] == [one["text"] for one in shown[:-3:-1]]
    later = openstack.show(*CLUSTER, "event", "list", web, "--after", str(few[1]["id"]))
    assert [one["text"] for one in later] == ["The create is done."]


def test_operations(openstack, web):
    (create,) = openstack.show(*CLUSTER, "operation", "list", web)
    assert (create["kind"], create["state"], create["waits_for"]) == ("create", "COMPLETE", None)
    done, total = create["steps"].split("/")
    assert done == total
    assert int(total) > 3
    assert "finished_at" in openstack.show(*CLUSTER, "operation", "list", web, "--long")[0]


# ---- wait and retry


def test_waiting_tells_what_happens_and_how_it_ended(openstack):
    openstack(*CLUSTER, "create", "slow", "--cluster-template", "swarm", "--labels", "fake_latencies=boot:1.5,x=1")
    code, out, err = openstack.run((*CLUSTER, "wait", "slow"))
    assert (code, out) == (0, "The cluster slow is CREATE_COMPLETE.\n")
    assert "Done: step" in err
    openstack(*CLUSTER, "delete", "slow")
    _, out, _ = openstack.run((*CLUSTER, "wait", "slow", "--no-progress"))
    assert out in ("The cluster slow is gone.\n", "")


def test_a_wait_that_takes_too_long(service, openstack):
    """Others hold all the room there is, so the service answers at once; the command minds its pauses itself."""
    openstack(*CLUSTER, "create", "late", "--cluster-template", "swarm", "--labels", "fake_latencies=boot:600,x=1")
    late = service.named("late")["uuid"]

    def hold(_number: int) -> bool:
        url = f"{service.url}/clusters/{late}?wait=30"
        answer = urllib3.request("GET", url, headers=service.login(), timeout=SECONDS, retries=False)
        return "Retry-After" in answer.headers

    with ThreadPoolExecutor(5) as pool:
        held = [pool.submit(hold, number) for number in range(5)]
        (first, *_), _ = wait(held, timeout=SECONDS, return_when=FIRST_COMPLETED)
        assert first.result()
        said = openstack.refused(*CLUSTER, "wait", "late", "--timeout", "2")
        assert "After 2 s the cluster is still CREATE_IN_PROGRESS" in said
        assert "waiting for the report of" in said
        assert [one.done() for one in held].count(False) == 4
        openstack(*CLUSTER, "delete", "late")


def test_a_failure_ends_the_wait_with_its_reason_and_is_retried(openstack):
    openstack(*CLUSTER, "create", "broken", "--cluster-template", "swarm", "--node-count", "2", "--labels", BROKEN)
    said = openstack.refused(*CLUSTER, "wait", "broken")
    assert "The cluster broken is CREATE_FAILED" in said
    assert "no space left on device" in said
    code, out, err = openstack.run((*CLUSTER, "retry", "broken", "--wait"))
    assert code == 0, err
    assert out.splitlines() == [
        "What has failed of the cluster broken is tried again.",
        "The cluster broken is CREATE_COMPLETE.",
    ]
    assert "worker-2 will be removed" in err
    assert "nothing to retry" in openstack.refused(*CLUSTER, "retry", "broken")
    openstack(*CLUSTER, "delete", "broken")


# ---- plan


def test_the_plan_of_a_resize(openstack, web):
    shown = openstack.show(*CLUSTER, "plan", web, "--node-count", "5")
    assert (shown["change"], shown["accepted"]) == ("resize", True)
    assert shown["nodes of default-worker"] == "2 -> 5; 3 added"
    shown = openstack.show(*CLUSTER, "plan", web, "--node-count", "1")
    assert shown["nodes of default-worker"] == "2 -> 1; 1 removed, idle ones first"
    shown = openstack.show(*CLUSTER, "plan", web, "--node-count", "3", "--nodegroup", "default-master")
    assert not shown["accepted"]
    assert "without a load balancer" in shown["refusals"]
    assert openstack.show(*CLUSTER, "show", web)["node_count"] == 2


def test_the_plan_of_an_upgrade(openstack, web):
    shown = openstack.show(*CLUSTER, "plan", web, "--cluster-template", "swarm", "--max-batch-size", "2")
    assert (shown["change"], shown["accepted"]) == ("upgrade", True)
    assert re.fullmatch(r"2 -> 2; upgraded: \S+-worker-1, \S+-worker-2", shown["nodes of default-worker"])


def test_the_plan_of_a_new_cluster(openstack):
    new = ("--cluster-template", "swarm", "--master-count", "3", "--node-count", "2", "--labels", "a=1")
    before = openstack(*CLUSTER, "list")
    shown = openstack.show(*CLUSTER, "plan", *new)
    assert shown["refusals"] == "master_lb_enabled must be true for a master_count of more than 1."
    shown = openstack.show(*CLUSTER, "plan", *new[:2], *new[4:])
    assert (shown["accepted"], shown["nodes of default-worker"]) == (True, "0 -> 2; 2 added")
    assert shown["quota of clusters"].endswith("can still come after this")
    assert openstack(*CLUSTER, "list") == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("plan",), "--cluster-template"),
        (("plan", "web"), "--node-count"),
        (("plan", "web", "--node-count", "2", "--cluster-template", "swarm"), "Say either"),
        (("plan", "web", "--node-count", "2", "--max-batch-size", "2"), "--max-batch-size is about an upgrade"),
        (("plan", "web", "--cluster-template", "x", "--nodes-to-remove", "y"), "--nodes-to-remove is about a resize"),
        (("plan", "web", "--node-count", "2", "--flavor", "x"), "--flavor is about a new cluster"),
        (("plan", "--cluster-template", "swarm", "--nodegroup", "x"), "--nodegroup is about a cluster that is there"),
        (("plan", "--cluster-template", "swarm", "--labels", "x"), "KEY=VALUE"),
        (("plan", "web", "--node-count", "-1"), "node_count must be a whole number"),
        (("plan", "none", "--node-count", "1"), "Cluster none could not be found."),
        (("wait", "none"), "Cluster none could not be found."),
        (("retry", "none"), "Cluster none could not be found."),
        (("event", "list", "none"), "Cluster none could not be found."),
        (("event", "list", "web", "--after", "x"), "marker must be the id"),
        (("operation", "list", "a/b?c"), "could not be found"),
        (("kubeconfig", "none"), "Cluster none could not be found."),
        (("kubeconfig", "web", "--dir", "/nonexistent"), "/nonexistent is not a folder"),
    ],
)
def test_refusals_are_sentences(openstack, web, arguments, words):
    said = openstack.refused(*CLUSTER, *arguments)
    assert words in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", ["0", "-1", "x"])
def test_numbers_that_are_none(openstack, web, number):
    for arguments in (("event", "list", web, "--limit", number), ("wait", web, "--timeout", number)):
        with pytest.raises(SystemExit) as refused:
            openstack.run((*CLUSTER, *arguments))
        assert refused.value.code == 2


# ---- kubeconfig


def test_kubeconfig(openstack, kube, tmp_path):
    folder = tmp_path / "of kube"
    folder.mkdir()
    said = openstack(*CLUSTER, "kubeconfig", kube, "--dir", str(folder))
    assert said == f"export KUBECONFIG='{folder}/config'\n"
    check_files(folder, "ca.pem", "cert.pem", "config", "key.pem")
    assert "client-key: key.pem" in (folder / "config").read_text()
    again = openstack.refused(*CLUSTER, "kubeconfig", kube, "--dir", str(folder))
    assert "config, ca.pem, cert.pem, key.pem" in again
    key = (folder / "key.pem").read_text()
    openstack(*CLUSTER, "kubeconfig", kube, "--dir", str(folder), "--force")
    assert (folder / "key.pem").read_text() != key


def test_the_same_for_docker(openstack, web, tmp_path):
    said = openstack(*CLUSTER, "kubeconfig", web, "--dir", str(tmp_path)).splitlines()
    assert said[0].startswith("export DOCKER_HOST=tcp://")
    assert said[1:] == ["export DOCKER_TLS_VERIFY=1", f"export DOCKER_CERT_PATH={tmp_path}"]
    check_files(tmp_path, "ca.pem", "cert.pem", "key.pem")


def check_files(folder: Path, *names: str) -> None:
    assert sorted(file.name for file in folder.iterdir()) == sorted(names)
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
