"""How a node replaces its certificates: run by bash, with stand-ins for curl and systemd, and openssl as it is."""

import json
import re
import uuid
from ipaddress import ip_address

import pytest
from cluster_certificates import ClusterCertificates
from cryptography import x509

from magnum.certificates.proofs import Proof, Subject, holder
from magnum.model.clocks import SystemClock
from magnum.nodes.files import node_files
from magnum.nodes.kubernetes.certificates import certificates_of, readers_of
from magnum.nodes.kubernetes.files import kubernetes_files

FOLDER = "/etc/magnum/certificates"
STATE = "/var/lib/magnum-node"
ANNOTATION = "magnum.openstack.org/certificates"
GOAL = f"trust-{uuid.UUID(int=7)}"
OLD, NEW = ClusterCertificates("cluster"), ClusterCertificates("cluster")
OWN, NEXT = (one.server(x509.IPAddress(ip_address("10.20.0.11"))) for one in (OLD, NEW))
ALL = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"]


@pytest.fixture
def node(request):
    """The role of a test's node; a worker's unless it says otherwise."""
    return request.getfixturevalue(getattr(request, "param", "worker"))


@pytest.fixture
def keeper(machine, new_cluster, node, make_data):
    """A node that was set up with certificates of the old authority."""
    data = make_data(coe="kubernetes", node_name=node.name, role=node.role, address=str(node.address))
    machine.install((*node_files(data), *kubernetes_files(new_cluster(), node)))
    machine.stub("systemctl")
    machine.stub("journalctl")
    machine.path(STATE).mkdir(parents=True)
    folder = machine.path(FOLDER)
    folder.mkdir(parents=True)
    for name in readers_of(certificates_of(new_cluster(), node), node):
        (folder / f"{name}.crt").write_text(OLD.ca if name.endswith("ca") else OWN.certificate)
        if not name.endswith("ca"):
            (folder / f"{name}.key").write_text(OWN.key)
    return machine


def change(keeper, *arguments):
    return keeper.program("change-certificates", *arguments)


def once(keeper, **environment):
    return keeper.program("keep-certificates", "once", **environment)


def content(keeper):
    return {path.name: path.read_text() for path in keeper.path(FOLDER).iterdir()}


def restarted(keeper):
    """Name the units in the order in which they were started anew."""
    pattern = re.compile(r"systemctl restart (\S+)\.service")
    return [found[1] for command in keeper.commands if (found := pattern.search(command))]


def pem(text):
    return (0, 200, json.dumps({"pem": text}))


BOTH = pem(f"{NEW.ca.strip()}\n{OLD.ca.strip()}")
WELL = (0, 200, "ok")


def annotated(**annotations):
    """What the API says of the node; names get our prefix."""
    notes = {ANNOTATION + name.removeprefix("wanted").replace("_", "-"): value for name, value in annotations.items()}
    node = {"kind": "Node", "metadata": {"name": "node", "annotations": notes | {"other": 'a "quoted" word'}}}
    return (0, 200, json.dumps(node, indent=2))


def test_a_request_is_proven_by_the_certificate(keeper):
    keeper.answer((0, 200, "an answer"))
    body = keeper.path("/body")
    body.write_text('{"a": 1}')
    ran = keeper.shell(f'proof=kubelet; api "ask" "$scratch/answer" "certificates?x=y" "@{body}"', library="http")
    assert ran.returncode == 0, ran.stderr
    said = dict(re.findall(r'header = "X-Magnum-Node-(\w+): (.+)"', keeper.calls[0]))
    assert "Token" not in said
    proof = Proof(certificate=said["Certificate"], time=said["Time"], signature=said["Signature"])
    asked = ("POST", "/v1/certificates?x=y", b'{"a": 1}')
    assert holder(proof, *asked, now=SystemClock().now(), authorities=[OLD.ca]) == Subject("node")
    assert said["Signature"] not in keeper.calls[0].partition("--- config")[0]


@pytest.mark.parametrize(
    ("node", "units"), [("worker", ["kubelet", "kube-proxy"]), ("master", ["etcd", *ALL])], indirect=["node"]
)
def test_authorities_are_replaced_and_what_reads_them_is_started_anew_in_order(keeper, units):
    keeper.answer(BOTH)
    assert change(keeper, "make", "authorities", GOAL).returncode == 0
    assert content(keeper)["ca.crt"] == OLD.ca
    assert restarted(keeper) == []
    keeper.answer(WELL)
    ran = change(keeper, "apply")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert content(keeper)["ca.crt"].count("BEGIN") == 2
    assert restarted(keeper) == units
    assert keeper.path(f"{STATE}/certificates-goal").read_text() == f"{GOAL}\n"
    assert [path.name for path in keeper.path(FOLDER).parent.iterdir() if "." in path.name] == []


@pytest.mark.parametrize(("node", "units"), [("worker", ["kubelet", "kube-proxy"]), ("master", ALL)], indirect=["node"])
def test_all_keys_and_certificates_are_made_anew(keeper, units):
    keeper.path(f"{FOLDER}/ca.crt").write_text(f"{NEW.ca}{OLD.ca}")
    for name in ("etcd-ca", "front-proxy-ca"):
        keeper.path(f"{FOLDER}/{name}.crt").write_text(f"{NEW.ca}{OLD.ca}")
    before = content(keeper)
    keeper.answer(pem(NEXT.certificate))
    ran = change(keeper, "make", "certificates", GOAL)
    assert ran.returncode == 0, ran.stderr
    keeper.answer(WELL)
    assert change(keeper, "apply").returncode == 0
    after = content(keeper)
    assert all(after[name] != before[name] for name in after if not name.endswith("ca.crt") and name in before)
    assert {keeper.path(f"{FOLDER}/{name}").stat().st_mode & 0o777 for name in after if name.endswith("key")} == {0o600}
    assert restarted(keeper) == units


def test_what_is_the_same_restarts_nothing(keeper):
    keeper.answer(pem(OLD.ca))
    change(keeper, "make", "authorities", GOAL)
    assert change(keeper, "apply").returncode == 0
    assert restarted(keeper) == []


@pytest.mark.parametrize("answer", [(0, 400, "no"), (0, 401, "who are you"), pem("nothing of use")])
def test_what_cannot_be_had_leaves_what_there_is(keeper, answer):
    before = content(keeper)
    keeper.answer(answer)
    for what in ("authorities", "certificates"):
        assert change(keeper, "make", what, GOAL).returncode == 1
    assert content(keeper) == before
    assert not keeper.path(f"{FOLDER}.coming").exists()


def test_what_does_not_run_with_the_new_goes_back_to_the_old_and_is_told(keeper):
    before = content(keeper)
    keeper.stub(
        "systemctl",
        '#!/bin/bash\necho "${0##*/} $*" >>"$STUBS/commands"\ngrep -q BEGIN.*BEGIN <(tr -d "\\n" '
        f"<{keeper.path(FOLDER)}/ca.crt) && exit 1\nexit 0\n",
    )
    keeper.answer(annotated(wanted=GOAL), BOTH, WELL)
    once(keeper)
    assert content(keeper) == before
    assert restarted(keeper) == ["kubelet", "kubelet", "kube-proxy"]
    told = json.loads(keeper.calls[-1].partition("--- body\n")[2])["metadata"]["annotations"]
    assert told[f"{ANNOTATION}-done"] is None
    assert told[f"{ANNOTATION}-failed"].startswith(f"{GOAL}: ")
    assert "kubelet could not be started anew" in told[f"{ANNOTATION}-failed"]


@pytest.mark.parametrize("begun", ["nothing in place", "half in place"])
def test_what_was_interrupted_is_finished(keeper, begun):
    keeper.answer(BOTH)
    change(keeper, "make", "authorities", GOAL)
    if begun == "half in place":
        keeper.stub("systemctl", "#!/bin/bash\nkill -9 $PPID\n")
        keeper.answer(WELL)
        assert change(keeper, "apply").returncode != 0
        assert keeper.path(f"{FOLDER}.before").is_dir()
        keeper.stub("systemctl")
    keeper.answer(WELL)
    once(keeper)
    assert content(keeper)["ca.crt"].count("BEGIN") == 2
    assert restarted(keeper) == ["kubelet", "kube-proxy"]
    assert not keeper.path(f"{FOLDER}.coming").exists()


def test_the_cluster_is_followed_and_told(keeper):
    keeper.answer(annotated(wanted=GOAL), BOTH, WELL)
    once(keeper)
    assert restarted(keeper) == ["kubelet", "kube-proxy"]
    patch = keeper.calls[-1]
    assert "--request\nPATCH" in patch
    notes = {f"{ANNOTATION}-done": GOAL, f"{ANNOTATION}-failed": None}
    assert json.loads(patch.partition("--- body\n")[2]) == {"metadata": {"annotations": notes}}


def test_what_was_done_is_not_done_again(keeper):
    keeper.path(f"{STATE}/certificates-goal").write_text(f"{GOAL}\n")
    keeper.answer(annotated(wanted=GOAL), WELL)
    once(keeper)
    assert len(keeper.calls) == 2  # it looked, and told again
    keeper.answer(annotated(wanted=GOAL, _done=GOAL))
    once(keeper)
    assert len(keeper.calls) == 3
    assert restarted(keeper) == []


@pytest.mark.parametrize(
    "said",
    [
        "",
        "trust",
        f"{GOAL};reboot",
        f"erase-{uuid.UUID(int=7)}",
        f"{GOAL} ",
        f"{GOAL}\n",
        f"$(reboot)-{uuid.UUID(int=7)}",
        f'{GOAL}", "{ANNOTATION}": "{GOAL}',
        f"trust-{uuid.UUID(int=7).hex}",
        GOAL.upper(),
        "../../../etc/passwd",
        "x" * 100_000,
    ],
)
def test_anything_else_is_not_followed(keeper, said):
    keeper.answer(annotated(wanted=said))
    ran = once(keeper)
    assert ran.returncode == 0, ran.stderr
    assert len(keeper.calls) == 1
    assert keeper.commands == []


def test_two_things_of_that_name_are_not_followed(keeper):
    node = {"metadata": {"labels": {ANNOTATION: GOAL}, "annotations": {ANNOTATION: GOAL}}}
    keeper.answer((0, 200, json.dumps(node)))
    once(keeper)
    assert len(keeper.calls) == 1


def test_an_api_that_does_not_answer_is_asked_later(keeper):
    keeper.answer((7, 0, ""))
    ran = once(keeper)
    assert (ran.returncode, len(keeper.calls)) == (0, 1)


def test_nothing_is_renewed_before_its_time(keeper):
    keeper.answer(annotated())
    once(keeper)
    assert len(keeper.calls) == 1


def test_certificates_are_renewed_when_little_of_their_life_is_left(keeper):
    before = content(keeper)
    keeper.answer(pem(OLD.server(x509.IPAddress(ip_address("10.20.0.11"))).certificate))
    ran = once(keeper, MAGNUM_RENEW_PERCENT="100")
    assert "ends in" in ran.stdout
    assert restarted(keeper) == ["kubelet", "kube-proxy"]
    assert content(keeper)["kubelet.key"] != before["kubelet.key"]
    assert keeper.path(f"{STATE}/certificates-goal").read_text() == "renewed-in-time\n"


def test_a_renewal_that_fails_is_tried_again_later(keeper):
    before = content(keeper)
    keeper.answer((0, 400, "not yours"))
    ran = once(keeper, MAGNUM_RENEW_PERCENT="100")
    assert "renew_if_due failed; tried again in 10 s" in ran.stdout
    assert "not yours" in ran.stdout
    assert content(keeper) == before
