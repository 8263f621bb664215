"""What has failed is tried again: with its own arguments, on what is there, and without what was lost."""

import pytest

from magnum.conductor.operations.certificates import references
from magnum.core.errors import Conflict
from magnum.db import clusters, clustertemplates, credentials
from magnum.db.tables import x509keypair
from magnum.drivers.fake.behaviour import VERSION_LABEL
from magnum.model.credentials import NodeCredential
from magnum.model.nodes import NodeState
from magnum.model.operations import CreateCluster, DeleteCluster, OperationState, ResizeNodeGroup
from magnum.model.signing import NodeLimits
from magnum.model.statuses import Status

NEW = "0a0b0c0d-0000-4000-8000-000000000001"
BROKEN = {"fake_faults": "break:join@worker-2:no route to host"}


def workers(world, cluster):
    return [(node.number, node.state) for node in world.nodes(cluster) if node.role == "worker"]


def set_labels(world, cluster, labels):
    world.database.write(lambda tx: clusters.update(tx, cluster, labels=labels))


@pytest.fixture
def failed(world):
    cluster = world.create(nodes=2, labels=BROKEN)
    world.settle()
    assert world.cluster(cluster).status is Status.CREATE_FAILED
    return cluster


def test_a_create_keeps_what_works_and_replaces_what_was_lost(world, failed):
    kept = [name for name in world.machines(failed) if not name.endswith("worker-2")]
    assert workers(world, failed) == [(1, NodeState.REPORTED), (2, NodeState.FAILED)]
    (operation,) = world.retry(failed)
    shown = world.cluster(failed)
    assert (shown.status, shown.status_reason) == (Status.CREATE_IN_PROGRESS, None)
    assert {group.status for group in world.groups(failed).values()} == {Status.CREATE_IN_PROGRESS}
    world.settle()
    assert world.cluster(failed).status is Status.CREATE_COMPLETE
    assert workers(world, failed) == [(1, NodeState.JOINED), (3, NodeState.JOINED)]
    assert set(kept) < set(world.machines(failed))
    assert not [name for name in world.machines(failed) if name.endswith("worker-2")]
    newest = world.operations(failed)[-1]
    assert (newest.uuid, newest.arguments) == (operation, CreateCluster(again=True))
    (told,) = [event for event in world.events(failed) if event.kind == "cluster.retry"]
    assert "no route to host" in told.text


def test_the_lost_go_before_their_successors_come(world):
    """The provider has room for three machines and no more."""
    cluster = world.create(nodes=2, labels={"fake_faults": "break:join@worker-2:no route; quota:3"})
    world.settle()
    world.retry(cluster)
    world.settle()
    assert world.cluster(cluster).status is Status.CREATE_COMPLETE


def test_a_node_that_cannot_report_any_more_is_lost(world):
    """Its set-up took longer than the create might, and its credential ended with that."""
    cluster = world.create(nodes=1, labels={"fake_latencies": "boot:3000"}, create_timeout=1)
    world.settle()
    assert world.cluster(cluster).status is Status.CREATE_FAILED
    worker = next(node for node in world.nodes(cluster) if node.role == "worker")
    credential = NodeCredential(
        token_hash="0" * 64,
        cluster_uuid=cluster,
        node_uuid=worker.uuid,
        node_name=worker.name,
        limits=NodeLimits(common_name=worker.name),
        expires_at=world.clock.now(),
    )
    world.database.write(lambda tx: credentials.insert(tx, credential))
    set_labels(world, cluster, {})
    world.retry(cluster)
    world.settle(until=lambda: worker.name not in world.machines(cluster))
    assert worker.uuid not in [node.uuid for node in world.nodes(cluster)]


def test_a_resize_gets_the_count_that_it_did_not_get(world):
    cluster = world.create(nodes=1)
    world.settle()
    set_labels(world, cluster, {"fake_faults": "quota:2"})
    world.resize(cluster, 3)
    world.settle()
    group = world.groups(cluster)["default-worker"]
    assert (group.status, group.node_count) == (Status.UPDATE_FAILED, 1)  # refused, so it went back
    set_labels(world, cluster, {})
    world.retry(cluster)
    assert world.cluster(cluster).status is Status.UPDATE_IN_PROGRESS
    world.settle()
    assert world.cluster(cluster).status is Status.UPDATE_COMPLETE
    assert workers(world, cluster) == [(number, NodeState.JOINED) for number in (1, 4, 5)]
    arguments = world.operations(cluster)[-1].arguments
    assert (arguments.node_count, arguments.previous) == (3, 1)


def test_a_resize_that_was_begun_does_not_go_back_when_its_retry_is_refused(world):
    cluster = world.create(nodes=1)
    world.settle()
    set_labels(world, cluster, BROKEN)
    world.resize(cluster, 3)
    world.settle()
    assert world.groups(cluster)["default-worker"].node_count == 3
    set_labels(world, cluster, {"fake_faults": "quota:1"})
    world.retry(cluster)
    world.settle()
    assert world.cluster(cluster).status is Status.UPDATE_FAILED
    assert world.groups(cluster)["default-worker"].node_count == 3


def test_what_had_failed_may_fail_again(world, failed):
    set_labels(world, failed, {"fake_faults": "break:join@worker-3:no route to host"})
    world.retry(failed)
    world.settle()
    assert world.cluster(failed).status is Status.CREATE_FAILED
    assert "worker-3" in world.cluster(failed).status_reason
    world.retry(failed)
    world.settle()
    assert workers(world, failed) == [(1, NodeState.JOINED), (4, NodeState.JOINED)]


def test_a_delete_is_tried_at_once(world):
    cluster = world.create()
    world.settle()
    set_labels(world, cluster, {"fake_faults": "refuse:delete_machine:locked"})
    world.delete(cluster)
    world.settle(until=lambda: world.cluster(cluster).status is Status.DELETE_FAILED)
    set_labels(world, cluster, {})
    before = world.clock.now()
    world.retry(cluster)
    assert world.cluster(cluster).status is Status.DELETE_IN_PROGRESS
    assert isinstance(world.operations(cluster)[-1].arguments, DeleteCluster)
    assert [one.state for one in world.operations(cluster)[-2:]] == [OperationState.CANCELLED, OperationState.ACTIVE]
    world.settle(until=lambda: not world.exists(cluster))
    assert world.clock.now() - before < 1_000_000


def test_every_node_group_whose_resize_failed_gets_it_again(world):
    cluster = world.create(nodes=1)
    world.settle()
    set_labels(world, cluster, {"fake_faults": "quota:2"})
    for count in (4, 3):
        world.resize(cluster, count)
        world.settle()
    world.retry(cluster)
    open_ones = [one for one in world.operations(cluster) if one.state is OperationState.ACTIVE]
    assert [one.arguments.node_count for one in open_ones] == [3]  # the newest word on that group
    assert all(isinstance(one.arguments, ResizeNodeGroup) for one in open_ones)


@pytest.mark.parametrize("state", ["in progress", "complete", "resizing", "retried already"])
def test_where_nothing_has_failed_there_is_nothing_to_retry(world, state):
    cluster = world.create(labels=BROKEN if state == "retried already" else {}, nodes=2)
    if state != "in progress":
        world.settle()
    if state == "resizing":
        world.resize(cluster, 2)
    if state == "retried already":
        world.retry(cluster)
    before = world.operations(cluster), world.events(cluster), world.cluster(cluster)
    with pytest.raises(Conflict, match="nothing to retry"):
        world.retry(cluster)
    assert (world.operations(cluster), world.events(cluster), world.cluster(cluster)) == before


def test_what_another_release_failed_at_is_not_known(world):
    cluster = world.create()
    world.settle()
    world.database.write(lambda tx: clusters.update(tx, cluster, status=Status.UPDATE_FAILED))
    with pytest.raises(Conflict, match="not recorded"):
        world.retry(cluster)


# ---- changes other than resizes


@pytest.fixture
def cluster(world):
    uuid = world.create(nodes=2)
    world.settle()
    return uuid


def fail(world, cluster, faults, ask):
    """Let a change fail, and then nothing any more."""
    set_labels(world, cluster, {"fake_faults": faults})
    ask()
    world.settle()
    assert world.cluster(cluster).status is Status.UPDATE_FAILED
    set_labels(world, cluster, {})


def fail_half_way(world, cluster, call, ask):
    """Let a change fail when one machine has followed it."""
    set_labels(world, cluster, {"fake_faults": f"lost-answer:{call}:1"})
    ask()
    world.settle(until=lambda: world.operations(cluster)[-1].attempts == 1)
    set_labels(world, cluster, {"fake_faults": f"refuse:{call}:not now"})
    world.settle()
    assert world.cluster(cluster).status is Status.UPDATE_FAILED
    set_labels(world, cluster, {})


def try_again(world, cluster) -> list[str]:
    """Retry; gives the kinds of what is begun, all of which succeeds."""
    begun = world.retry(cluster)
    assert world.cluster(cluster).status is Status.UPDATE_IN_PROGRESS
    world.settle()
    assert world.cluster(cluster).status is Status.UPDATE_COMPLETE
    assert {group.status for group in world.groups(cluster).values()} <= {
        Status.CREATE_COMPLETE,
        Status.UPDATE_COMPLETE,
    }
    return [one.kind for one in world.operations(cluster) if one.uuid in begun]


def stored(world):
    return {row.uuid for row in world.database.read(lambda tx: tx.execute(x509keypair.select()).all())}


def test_a_rotation_goes_on_with_the_authorities_that_it_has_made(world, cluster):
    before = set(references(world.cluster(cluster)))
    fail_half_way(world, cluster, "renew", lambda: world.rotate_ca(cluster))
    made = set(references(world.cluster(cluster)))
    assert not made & before
    assert stored(world) == made | before  # nodes have certificates of either
    assert len(set(world.cloud.marks(cluster, "certificate").values())) == 2
    assert try_again(world, cluster) == ["rotate-ca"]
    assert set(references(world.cluster(cluster))) == made
    assert stored(world) == made
    assert set(world.cloud.marks(cluster, "certificate").values()) == {world.cluster(cluster).ca_cert_ref}


def test_a_rotation_that_had_not_begun_is_begun(world, cluster, monkeypatch):
    before = set(references(world.cluster(cluster)))

    def refuse(*_args, **_owner):
        raise PermissionError("the store is read-only")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "put", refuse)
        fail(world, cluster, "", lambda: world.rotate_ca(cluster))
        assert set(references(world.cluster(cluster))) == before
    assert try_again(world, cluster) == ["rotate-ca"]
    assert not set(references(world.cluster(cluster))) & before
    assert stored(world) == set(references(world.cluster(cluster)))


def test_a_third_attempt_goes_on_with_what_the_first_has_made(world, cluster):
    fail(world, cluster, "refuse:renew:not now", lambda: world.rotate_ca(cluster))
    made = references(world.cluster(cluster))
    fail(world, cluster, "refuse:renew:not now", lambda: world.retry(cluster))
    try_again(world, cluster)
    assert references(world.cluster(cluster)) == made


def test_a_rotation_of_the_credential_goes_on_with_the_one_that_it_has_made(world, cluster):
    fail_half_way(world, cluster, "renew", lambda: world.rotate_credential(cluster))
    first = world.operations(cluster)[-1].uuid
    assert try_again(world, cluster) == ["rotate-credential"]
    assert set(world.cloud.marks(cluster, "credential").values()) == {first}


@pytest.mark.parametrize("half_way", [False, True])
def test_an_upgrade_goes_on_to_its_template(world, cluster, half_way):
    new, old = world.make_template(NEW, labels={VERSION_LABEL: "v2"}), world.cluster(cluster).cluster_template_id
    if half_way:
        fail_half_way(world, cluster, "upgrade", lambda: world.upgrade(cluster, new, max_batch_size=2))
    else:
        fail(world, cluster, "refuse:upgrade:not now", lambda: world.upgrade(cluster, new, max_batch_size=2))
    assert world.cluster(cluster).cluster_template_id == (new if half_way else old)
    assert try_again(world, cluster) == ["upgrade"]
    assert world.cluster(cluster).cluster_template_id == new
    assert set(world.cloud.marks(cluster, "version").values()) == {"v2"}
    assert world.operations(cluster)[-1].arguments.max_batch_size == 2


def test_an_upgrade_that_was_begun_does_not_go_back_when_its_retry_is_refused(world, cluster):
    new = world.make_template(NEW, labels={VERSION_LABEL: "v2"})
    fail_half_way(world, cluster, "upgrade", lambda: world.upgrade(cluster, new))
    fail(world, cluster, "refuse:upgrade:not now", lambda: world.retry(cluster))
    assert world.cluster(cluster).cluster_template_id == new


def test_an_upgrade_to_a_template_that_is_gone_is_not_tried(world, cluster):
    new = world.make_template(NEW, labels={VERSION_LABEL: "v2"})
    fail(world, cluster, "refuse:upgrade:not now", lambda: world.upgrade(cluster, new))
    world.database.write(lambda tx: clustertemplates.delete(tx, new))
    with pytest.raises(Conflict, match="gone"):
        world.retry(cluster)
    assert world.cluster(cluster).status is Status.UPDATE_FAILED


def test_a_node_group_that_could_not_be_made_is_made(world, cluster):
    fail(world, cluster, "break:join@gpu-2:no route", lambda: world.add_group(cluster, node_count=2))
    assert world.groups(cluster)["gpu"].status is Status.CREATE_FAILED
    world.retry(cluster)
    assert world.groups(cluster)["gpu"].status is Status.CREATE_IN_PROGRESS
    world.settle()
    assert world.groups(cluster)["gpu"].status is Status.CREATE_COMPLETE
    assert [name.rpartition("gpu-")[2] for name in world.machines(cluster) if "gpu" in name] == ["1", "3"]


def test_labels_that_could_not_be_set_are_set(world, cluster):
    fail(
        world,
        cluster,
        "refuse:label:not now",
        lambda: world.change_group(cluster, "default-worker", node_labels={"disk": "ssd"}),
    )
    assert try_again(world, cluster) == ["update-nodegroup"]
    assert len(world.cloud.marks(cluster, "labels")) == 2


def test_a_node_group_that_could_not_be_removed_is_removed(world, cluster):
    world.add_group(cluster)
    world.settle()
    fail(world, cluster, "refuse:delete_machine:locked", lambda: world.remove_group(cluster))
    assert world.groups(cluster)["gpu"].status is Status.DELETE_FAILED
    assert try_again(world, cluster) == ["delete-nodegroup"]
    assert "gpu" not in world.groups(cluster)


def test_of_a_node_group_that_is_to_go_nothing_else_is_tried(world, cluster):
    fail(world, cluster, "break:join@gpu-1:no route", lambda: world.add_group(cluster))
    fail(world, cluster, "refuse:delete_machine:locked", lambda: world.remove_group(cluster))
    assert try_again(world, cluster) == ["delete-nodegroup"]


def test_all_that_has_failed_is_tried_in_the_order_in_which_it_was_asked_for(world, cluster):
    fail(world, cluster, "refuse:renew:not now", lambda: world.rotate_ca(cluster))
    fail(world, cluster, "break:join@gpu-1:no route", lambda: world.add_group(cluster))
    fail(world, cluster, "quota:4", lambda: world.resize(cluster, 5))
    assert try_again(world, cluster) == ["rotate-ca", "create-nodegroup", "resize"]
    assert world.groups(cluster)["default-worker"].node_count == 5


def test_what_has_been_done_since_is_not_done_again(world, cluster):
    fail(world, cluster, "refuse:renew:not now", lambda: world.rotate_credential(cluster))
    fail(world, cluster, "quota:3", lambda: world.resize(cluster, 5))
    world.rotate_credential(cluster)
    world.settle()
    assert try_again(world, cluster) == ["resize"]


def test_a_node_group_that_has_been_mended_since_is_left_alone(world, cluster):
    new = world.make_template(NEW, labels={VERSION_LABEL: "v2"})
    fail(world, cluster, "refuse:upgrade:not now", lambda: world.upgrade(cluster, new))
    world.resize(cluster, 1)
    world.settle()
    assert world.cluster(cluster).status is Status.UPDATE_COMPLETE
    fail(world, cluster, "break:join@gpu-1:no route", lambda: world.add_group(cluster))
    assert try_again(world, cluster) == ["create-nodegroup"]
