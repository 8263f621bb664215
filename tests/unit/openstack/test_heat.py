import pytest
from imaginary_heat import ImaginaryHeat

from magnum.openstack.errors import Unanswered
from magnum.openstack.heat import Heat, Stack, StackRequest, StackResource

REQUEST = StackRequest(
    name="web",
    template={"heat_template_version": "2021-04-16"},
    files={"place.yaml": "text"},
    parameters={"password": "secret"},
    timeout_minutes=7,
    tags=("magnum",),
)


@pytest.fixture
def service():
    return ImaginaryHeat()


@pytest.fixture
def heat(service):
    return Heat(service)


def test_a_stack_is_sent_whole_and_without_rollback(heat, service):
    heat.create(REQUEST)
    [(_, path, body)] = service.calls
    assert (path, body) == (
        "/stacks",
        {
            "stack_name": "web",
            "template": {"heat_template_version": "2021-04-16"},
            "files": {"place.yaml": "text"},
            "parameters": {"password": "secret"},
            "timeout_mins": 7,
            "tags": "magnum",
            "disable_rollback": True,
        },
    )


def test_a_stack_is_found_by_name_and_spoken_of_by_name_and_id(heat, service):
    identity = heat.create(REQUEST)
    found = heat.find("web")
    assert (found, heat.find("other")) == (Stack(identity, "web", "CREATE_IN_PROGRESS", "", "project"), None)
    heat.update(found, REQUEST)
    heat.show(found)
    assert [path for _, path, _ in service.calls[-2:]] == [f"/stacks/web/{identity}"] * 2


def test_outputs_may_be_null_and_are_left_out_if_not_needed(heat, service):
    heat.create(REQUEST)
    service.outputs = {"address": None, "addresses": ["10.0.0.1", None]}
    stack = heat.find("web")
    assert heat.show(stack).outputs == {"address": None, "addresses": ["10.0.0.1", None]}
    assert heat.show(stack, outputs=False).outputs == {}
    assert heat.show(stack).parameters == {"password": "secret"}


def test_what_is_gone_is_no_failure(heat):
    nowhere = Stack("id", "web", "CREATE_COMPLETE")
    assert heat.show(nowhere) is None
    heat.delete(nowhere)


def test_one_that_was_deleted_is_not_there(heat, service):
    heat.create(REQUEST)
    stack = heat.find("web")
    service.stacks["web"]["status"] = "DELETE_COMPLETE"
    assert heat.show(stack) is None


@pytest.mark.parametrize("answer", [None, {}, {"stacks": None}, {"stacks": [{"id": 1}]}, []])
def test_an_answer_that_makes_no_sense_is_no_answer(answer, service, monkeypatch):
    monkeypatch.setattr(service, "get", lambda *_, **__: answer)
    with pytest.raises(Unanswered, match="no sense"):
        Heat(service).list()


def test_statuses():
    assert Stack("id", "web", "UPDATE_IN_PROGRESS").in_progress
    assert Stack("id", "web", "UPDATE_COMPLETE").complete
    failed = Stack("id", "web", "CREATE_FAILED")
    assert not failed.in_progress
    assert not failed.complete


def test_a_resource_knows_the_stack_that_it_is_in_and_that_it_is():
    links = (
        {"rel": "self", "href": "http://heat/v1/p/stacks/web/1/resources/kube_minions"},
        {"rel": "stack", "href": "http://heat/v1/p/stacks/web/1"},
        {"rel": "nested", "href": "http://heat/v1/p/stacks/web-kube_minions/2"},
    )
    resource = StackResource("kube_minions", "kube_minions.yaml", "CREATE_COMPLETE", links=links)
    assert (resource.linked("stack"), resource.linked("nested")) == ("1", "2")
    assert StackResource("port", "OS::Neutron::Port", "CREATE_COMPLETE").linked("nested") is None


def test_no_parameter_is_shown():
    assert "secret" not in repr(REQUEST)
