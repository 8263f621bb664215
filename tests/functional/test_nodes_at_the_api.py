"""Machines on a cloud's networks reach us where everybody does: there, too, their proofs open what is theirs."""

import pytest
from certificate_requests import make_csr
from node_machines import FORM, Machine
from test_node_proofs import PATH, SIGN, Stage

pytestmark = pytest.mark.in_process


@pytest.fixture
def stage(world, ann) -> Stage:
    return Stage(world, ann)


@pytest.fixture
def machine(world, stage) -> Machine:
    stage.machine.give_token("another", seconds=3600)
    stage.machine.token = "another"
    stage.machine.client = world.new_client()
    return stage.machine


def test_a_token_opens_the_ca_and_the_reports_of_its_cluster(machine, stage):
    assert machine.call("GET", f"/certificates/{stage.cluster}").status_code == 200
    assert machine.report("status=SUCCESS").status_code == 204
    assert machine.report("status=SUCCESS").status_code == 401, "it has ended"


def test_a_token_opens_nothing_else(machine, stage, ann):
    other = ann.make_cluster("swarm", name="other")
    assert machine.call("GET", f"/certificates/{other}").status_code == 404
    assert (
        machine.call("POST", f"/clusters/{other}/nodes/web-1/report", body="status=SUCCESS", headers=FORM).status_code
        == 404
    )
    for path in ("/clusters", f"/clusters/{stage.cluster}", "/clustertemplates"):
        assert machine.call("GET", path).status_code == 404
    assert machine.call("GET", f"/certificates/{stage.cluster}", token="guessed").status_code == 401


def test_a_certificate_opens_the_certificates_of_its_cluster_alone(world, stage, ann):
    stage.app = world.new_client().app
    assert stage.ask(stage.prover()).status_code == 200
    document = {"cluster_uuid": stage.cluster, "csr": make_csr("web-1", server=True)}
    assert stage.ask(stage.prover(), "POST", SIGN, document).status_code == 201
    other = ann.make_cluster("swarm", name="other")
    assert stage.ask(stage.prover(), path=PATH.format(other)).status_code == 401
    assert stage.ask(stage.prover(), path=PATH.format("nonsense")).status_code == 404
    assert stage.ask(stage.prover(), path="/v1/clusters").status_code == 404
