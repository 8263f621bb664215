"""The listener of one cluster's own machines: certificates and reports, by a token that opens nothing else."""

import falcon.testing
import msgspec
import pytest
from certificate_requests import make_csr
from node_machines import FORM, Machine

from magnum.api.nodes import MOST_BYTES, make_node_application
from magnum.db import clusters, nodes, signing, x509keypairs
from magnum.model.names import new_uuid
from magnum.model.nodes import NodeState
from magnum.model.x509keypairs import X509KeyPair


@pytest.fixture
def cluster(world, ann) -> str:
    ann.make_template()
    uuid, ref = ann.make_cluster("swarm", name="web"), new_uuid(world.service.randomness)
    row = X509KeyPair(uuid=ref, certificate="the CA", private_key="sealed")
    world.write(lambda tx: x509keypairs.insert(tx, row))
    world.write(lambda tx: clusters.update(tx, uuid, ca_cert_ref=ref))
    return uuid


@pytest.fixture
def machine(world, cluster) -> Machine:
    return Machine(world, cluster)


# ---- certificates


def test_a_machine_reads_the_ca_of_its_cluster(machine, cluster):
    answer = machine.call("GET", f"/certificates/{cluster}")
    assert (answer.status_code, answer.json["pem"], answer.json["cluster_uuid"]) == (200, "the CA", cluster)


def test_a_machine_has_its_own_request_signed(world, cluster):
    def sign(_seconds: float) -> None:
        world.write(lambda tx: [signing.answer(tx, asked.uuid, pem="signed\n") for asked in signing.waiting(tx, 9)])

    world.change(pause=sign)
    machine = Machine(world, cluster)
    body = {"cluster_uuid": cluster, "csr": make_csr("web-1", server=True)}
    answer = machine.call("POST", "/certificates", json=body)
    assert (answer.status_code, answer.json["pem"]) == (201, "signed")


@pytest.mark.parametrize(
    "csr",
    [
        make_csr("web-2", server=True),
        make_csr("web-1", "system:masters", server=True),
        make_csr("web-1"),
        make_csr("web-1", server=True, ca=True),
    ],
)
def test_a_machine_gets_nothing_beyond_its_limits(world, machine, cluster, csr):
    answer = machine.call("POST", "/certificates", json={"cluster_uuid": cluster, "csr": csr})
    assert answer.status_code == 400
    assert world.read(lambda tx: signing.waiting(tx, 9)) == []


def test_a_signature_that_takes_too_long_says_when_to_try_again(machine, cluster):
    body = {"cluster_uuid": cluster, "csr": make_csr("web-1", server=True)}
    answer = machine.call("POST", "/certificates", json=body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


# ---- reports


def test_success_is_stored_and_ends_the_credential(world, machine, cluster):
    answer = machine.report("status=SUCCESS&step=bootstrap&output=fine&seconds=12")
    assert (answer.status_code, answer.text) == (204, "")
    row = machine.row()
    assert (row.state, row.reported_at, row.report) == (NodeState.REPORTED, world.clock.now(), None)
    assert world.events(cluster)[-1].text == "The machine web-1 is set up; it took 12 s."
    assert machine.report("status=SUCCESS").status_code == 401


def test_failure_is_stored_with_its_step_and_its_last_words(world, machine, cluster):
    woken = []
    world.change(wake=lambda: woken.append(1))
    machine.client = falcon.testing.TestClient(make_node_application(world.service, cluster))
    form = "status=FAILURE&step=40-start-engine&output=dockerd:%20not%20found%00%1b[31m&seconds=3"
    assert machine.report(form).status_code == 204
    row = machine.row()
    assert (row.state, row.failed_step) == (NodeState.FAILED, "40-start-engine")
    assert row.report == "dockerd: not found??[31m"
    event = world.events(cluster)[-1]
    assert (event.level, event.kind) == ("error", "node.failure")
    assert "40-start-engine" in event.text
    assert woken == [1]


def test_progress_is_an_event_and_the_credential_stays(world, machine, cluster):
    assert machine.report("status=PROGRESS&step=20-make-certificates&output=&seconds=0").status_code == 204
    assert machine.row().state is NodeState.PLANNED
    assert world.events(cluster)[-1].text == "The machine web-1 begins 20-make-certificates."
    assert machine.report("status=SUCCESS").status_code == 204


@pytest.mark.parametrize("state", [NodeState.JOINED, NodeState.REMOVING])
def test_a_node_whose_fate_is_decided_keeps_it(world, machine, state):
    decided = msgspec.structs.replace(machine.row(), state=state)
    world.write(lambda tx: nodes.save(tx, decided))
    assert machine.report("status=FAILURE&step=late").status_code == 204
    assert machine.row().state is state


def test_last_words_are_cut_at_the_front(machine):
    assert machine.report("status=FAILURE&step=x&output=" + "a" * 20_000 + "end").status_code == 204
    assert len(machine.row().report) == 4096
    assert machine.row().report.endswith("end")


def test_a_machine_that_is_no_longer_planned_for_is_not_found(world, machine):
    world.write(lambda tx: nodes.delete(tx, machine.uuid))
    assert machine.report("status=SUCCESS").status_code == 404


@pytest.mark.parametrize(
    "form",
    ["", "status=", "status=success", "step=x", "status=SUCCESS&seconds=soon", "status=%ff", "&".join("abcdefghij")],
)
def test_a_report_that_makes_no_sense(machine, form):
    assert machine.report(form).status_code == 400
    assert machine.row().state is NodeState.PLANNED


# ---- what is refused


@pytest.mark.parametrize("token", ["wrong", "x" * 1000, "é"])
def test_a_wrong_token_is_401(machine, cluster, token):
    assert machine.call("GET", f"/certificates/{cluster}", token=token).status_code == 401


def test_no_token_is_401(machine, cluster):
    answer = machine.client.simulate_get(f"/v1/certificates/{cluster}")
    assert answer.status_code == 401
    assert answer.json["errors"][0]["title"] == "The node's token is missing, unknown or no longer valid"


def test_a_token_ends_with_its_time(world, machine, cluster):
    machine.give_token("short", seconds=10)
    assert machine.call("GET", f"/certificates/{cluster}", token="short").status_code == 200
    world.clock.turn(11)
    assert machine.call("GET", f"/certificates/{cluster}", token="short").status_code == 401


def test_the_token_of_another_cluster_opens_nothing(world, ann, machine, cluster):
    other = Machine(world, ann.make_cluster("swarm", name="other"), "other-1")
    assert machine.call("GET", f"/certificates/{cluster}", token=other.token).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/certificates/{other}"),
        ("GET", "/certificates/web"),
        ("GET", "/clusters"),
        ("GET", "/clusters/{cluster}"),
        ("DELETE", "/clusters/{cluster}"),
        ("GET", "/clustertemplates"),
        ("POST", "/clusters/{cluster}/nodes/web-2/report"),
        ("POST", "/clusters/{other}/nodes/web-1/report"),
        ("GET", ""),
    ],
)
def test_nothing_else_is_there(world, ann, machine, method, path):
    other = ann.make_cluster("swarm", name="other")
    answer = machine.call(
        method, path.format(cluster=machine.cluster, other=other), body="status=SUCCESS", headers=FORM
    )
    assert answer.status_code == 404


def test_another_clusters_ca_signs_nothing_here(ann, machine):
    other = ann.make_cluster("swarm", name="other")
    body = {"cluster_uuid": other, "csr": make_csr("web-1", server=True)}
    assert machine.call("POST", "/certificates", json=body).status_code == 404


def test_bodies_are_bounded(machine, cluster):
    assert machine.report("status=PROGRESS&output=" + "a" * MOST_BYTES).status_code == 413
    body = {"cluster_uuid": cluster, "csr": "a" * MOST_BYTES}
    assert machine.call("POST", "/certificates", json=body).status_code == 413


def test_a_machine_that_calls_too_often_is_told_to_wait(world, machine, cluster):
    statuses = [machine.call("GET", f"/certificates/{cluster}").status_code for _ in range(60)]
    assert statuses == [200] * 50 + [429] * 10
    answer = machine.call("GET", f"/certificates/{cluster}")
    assert answer.headers["retry-after"] == "1"
    world.clock.turn(1)
    assert machine.call("GET", f"/certificates/{cluster}").status_code == 200


def test_guessing_tokens_is_slowed_down(machine, cluster):
    statuses = [machine.call("GET", f"/certificates/{cluster}", token=f"guess {n}").status_code for n in range(110)]
    assert statuses == [401] * 100 + [429] * 10
