"""More of `test_faults`: conductors that die, calls that land too late, and what a hundred clusters cost Heat."""

import json
import re
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from between import Answer
from cloud import until
from faults import SECONDS, Stage
from own_service import INTERVAL

ANY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|c[0-9a-f]{6}-[a-z2-7]{12}|marker=[^&]*")
"""What differs between calls of one kind."""
MANY, AT_A_TIME, INTERVALS = 100, 4, 4


@pytest.fixture(scope="module")
def stage(cloud, tmp_path_factory):
    with ExitStack() as ending:
        yield Stage(cloud, tmp_path_factory.mktemp("own"), ending)


def test_machines_that_fail_and_a_quota_that_is_used_up(stage):
    """Each says so in its reason; then the one works when it is tried again, and all can be deleted."""
    failing, silent = stage.create(), stage.create(labels={"wait_condition_timeout": "20"})
    stage.fail(failing, "the disk is full")
    stage.until(failing, "CREATE_FAILED", "master 1: its set-up failed: the disk is full.")
    stage.until(silent, "CREATE_FAILED", "master 1: it did not say in time how its set-up went")
    stage.project.allow_servers(2)
    excessive = stage.create()
    stage.until(excessive, "CREATE_FAILED", "master 1: Nova: Quota exceeded")
    stage.project.allow_servers(3)
    stage.retry(excessive)
    stage.complete(excessive)
    stage.delete(failing, silent, excessive)
    stage.until_nothing_is_left(failing, silent, excessive)


def test_a_stack_that_somebody_deletes(stage):
    heat = stage.owner.connection.orchestration
    uuid = stage.create()
    heat.delete_stack(stage.stack(uuid))
    stage.until(uuid, "CREATE_FAILED", "is gone: it was deleted, and not by Magnum")
    stage.retry(uuid)
    stage.complete(uuid)
    heat.delete_stack(found := stage.stack(uuid))
    until("the stack is gone", lambda: heat.find_stack(found.name) is None)
    stage.delete(uuid)
    stage.until_nothing_is_left(uuid)


def makes_a_stack(call):
    return call.service == "heat" and call.method == "POST" and call.path.endswith("/stacks")


def test_a_create_that_lands_too_late(stage):
    """Its conductor is dead. Another one has made the stack by then, or the cluster is deleted and gone."""
    with stage.between.holding(makes_a_stack) as late:
        overtaken = stage.create()
        late.wait()
        stage.service.kill_conductor()
        stage.service.start_conductor()
        stage.stack(overtaken)
        assert late.land() == 409
    stage.delete(overtaken)
    with stage.between.holding(makes_a_stack) as late:
        unwanted = stage.create()
        late.wait()
        stage.service.kill_conductor()
        stage.service.start_conductor()
        stage.delete(unwanted)
        stage.until(unwanted, "GONE")
        assert late.land() == 201
    stage.until_nothing_is_left(overtaken, unwanted)


class Killer:
    """Lets the conductor die at the first call of every kind, each other time when the call has landed already."""

    def __init__(self, stage):
        self._service = stage.service
        self._lock = threading.Lock()
        self.kinds = []

    def __call__(self, call, forward):
        kind = f"{call.service} {call.method} {ANY.sub('*', call.path)}"
        with self._lock:
            if kind not in self.kinds:
                self.kinds.append(kind)
                if len(self.kinds) % 2:
                    forward()
                self._service.kill_conductor()
                self._service.start_conductor()
                return None
        return forward()


def test_a_conductor_that_is_killed_at_every_kind_of_call(stage):
    killer = Killer(stage)
    with stage.between.dealing(lambda _: True, killer):
        uuid = stage.create()
        stage.complete(uuid)
        stage.delete(uuid)
        stage.until_nothing_is_left(uuid)
    changes = {kind for kind in killer.kinds if " GET " not in kind}
    assert len(changes) >= 5, changes  # token, stack made, changed, deleted, trust deleted
    assert len(killer.kinds) >= 10, killer.kinds


class SimulatedHeat:
    """Takes every stack that it is asked for, and is never done with one.

    It is in the place of the real one, which would need a quarter of an hour for so many.
    """

    def __init__(self):
        self.stacks = {}
        self.lists = 0

    def __call__(self, call, _forward):
        if call.method == "POST":
            name, ident = json.loads(call.body)["stack_name"], secrets.token_hex(16)
            self.stacks[name] = {
                "id": ident,
                "stack_name": name,
                "stack_status": "CREATE_IN_PROGRESS",
                "stack_status_reason": "",
            }
            return answer(201, {"stack": {"id": ident, "links": []}})
        if "tags=" in call.path:
            self.lists += 1
            return answer(200, {"stacks": list(self.stacks.values())})
        name = call.path.partition("name=")[2]
        return answer(200, {"stacks": [found for found in self.stacks.values() if found["stack_name"] == name]})


def answer(status, body):
    return Answer(status, [("Content-Type", "application/json")], json.dumps(body).encode())


def test_a_hundred_clusters_in_progress_cost_one_call_in_an_interval(stage):
    heat = SimulatedHeat()
    with stage.between.dealing(lambda call: call.service == "heat", heat):
        with ThreadPoolExecutor(AT_A_TIME) as threads:
            clusters = list(threads.map(lambda _: stage.create(), range(MANY)))
        until("all stacks are asked for", lambda: len(heat.stacks) == MANY, seconds=SECONDS)
        until("all clusters wait", lambda: all(stage.waits_for_heat(uuid) for uuid in clusters), seconds=SECONDS)
        began, before, listed = time.monotonic(), stage.between.count("heat"), heat.lists
        until("some intervals have passed", lambda: heat.lists >= listed + INTERVALS)
        asked, passed = stage.between.count("heat") - before, time.monotonic() - began
        assert asked <= passed / INTERVAL + 1
        heat.stacks.clear()
        stage.delete(*clusters)
        stage.until_nothing_is_left(*clusters)


@pytest.fixture
def keeper(cloud, person):
    """Give our service user, who may keep secrets for as long as this lasts."""
    identity = person("admin").connection.identity
    [user] = identity.users(name="magnum", domain_id="default")
    grant = identity.find_project("service"), user, identity.find_role("creator")
    identity.assign_project_role_to_user(*grant)
    keeper = cloud.login("magnum", project_name="service", project_domain_name="Default")
    yield keeper
    keeper.close()
    identity.unassign_project_role_from_user(*grant)


def test_barbican_that_refuses(cloud, keeper, tmp_path):
    with ExitStack() as ending:
        stage = Stage(cloud, tmp_path, ending, certificates="barbican")
        refusal = json.dumps({"title": "Forbidden", "description": "Quota reached for the project."}).encode()
        with stage.between.saying(stores_something, 403, refusal):
            uuid = stage.create()
            stage.until(uuid, "CREATE_FAILED", "Barbican", "Quota reached for the project")
        stage.retry(uuid)
        stage.complete(uuid)
        stage.delete(uuid)
        stage.until_nothing_is_left(uuid)
        names = {json.loads(call.body)["name"] for call in stage.between.calls if makes_a_container(call)}
        assert names
        assert not names & {found.name for found in keeper.connection.key_manager.containers()}


def stores_something(call):
    return call.service == "barbican" and call.method == "POST"


def makes_a_container(call):
    return stores_something(call) and call.path.endswith("/containers")
