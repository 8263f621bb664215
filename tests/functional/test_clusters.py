"""The life of a cluster as its owner sees it, up to where conductors take over."""

import pytest
from sqlalchemy import text

from magnum.conf.api import Api
from magnum.conf.quotas import Quotas
from magnum.db import clustertemplates, nodegroups
from magnum.drivers.registry import Registry
from magnum.model import labels
from magnum.model.operations import CreateCluster, OperationState

pytestmark = pytest.mark.live
UNKNOWN = "99999999-9999-4999-8999-999999999999"


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


# ---- create


@pytest.mark.parametrize("version", ["1.1", "1.9", "latest"])
def test_a_cluster_is_accepted_and_there_at_once(world, ann, template, version):
    answer = ann.post("/clusters", {"cluster_template_id": "swarm"}, version=version)
    assert (answer.status_code, set(answer.json)) == (202, {"uuid"})
    assert "location" not in answer.headers
    made = ann.get(f"/clusters/{answer.json['uuid']}", version="1.1", headers={"Host": "api"}).json
    assert made["name"].endswith("-cluster")
    assert world.is_now(made["created_at"])
    assert made | {"name": 0, "created_at": 0} == {
        "uuid": answer.json["uuid"],
        "name": 0,
        "links": [
            {"href": f"http://api/v1/clusters/{answer.json['uuid']}", "rel": "self"},
            {"href": f"http://api/clusters/{answer.json['uuid']}", "rel": "bookmark"},
        ],
        "cluster_template_id": template["uuid"],
        "status": "CREATE_IN_PROGRESS",
        "node_count": 1,
        "master_count": 1,
        "create_timeout": 60,
        "keypair": "key",
        "flavor_id": "m1.small",
        "labels": {"a": "1", "b": "2"},
        "merge_labels": False,
        "floating_ip_enabled": True,
        "master_lb_enabled": False,
        "project_id": "fishers",
        "user_id": "ann",
        "created_at": 0,
        **{name: [] for name in ("node_addresses", "master_addresses")},
        **{name: {} for name in ("labels_overridden", "labels_added", "labels_skipped", "health_status_reason")},
        **dict.fromkeys(("status_reason", "health_status", "stack_id", "discovery_url", "api_address")),
        **dict.fromkeys(("coe_version", "container_version", "master_flavor_id", "docker_volume_size")),
        **dict.fromkeys(("fixed_network", "fixed_subnet", "updated_at")),
    }


def test_what_a_cluster_says_itself_takes_precedence_over_its_template(ann, template):
    own = {
        "name": "own",
        "keypair": "mine",
        "node_count": "3",
        "docker_volume_size": 9,
        "labels": {"b": "3", "c": 4},
        "master_flavor_id": "m1.large",
        "create_timeout": 0,
        "discovery_url": "http://discover",
        "fixed_network": "net",
        "fixed_subnet": "sub",
        "floating_ip_enabled": False,
        "master_lb_enabled": True,
        "master_count": 3,
    }
    made = ann.get(f"/clusters/{ann.make_cluster('swarm', **own)}").json
    assert {name: made[name] for name in own} == own | {"node_count": 3, "labels": {"b": "3", "c": "4"}}
    assert made["labels_overridden"] == {"b": "2"}
    assert made["labels_added"] == {"c": "4"}
    assert made["labels_skipped"] == {"a": "1"}


def test_labels_are_merged_when_asked_for(ann, template):
    made = ann.get(f"/clusters/{ann.make_cluster('swarm', labels={'b': '3', 'c': '4'}, merge_labels='yes')}").json
    assert made["labels"] == {"a": "1", "b": "3", "c": "4"}
    assert (made["labels_added"], made["labels_skipped"], made["merge_labels"]) == ({"c": "4"}, {}, False)


def test_nulls_mean_not_given(ann, template):
    names = (
        *(
            "keypair",
            "node_count",
            "master_count",
            "labels",
            "discovery_url",
            "name",
            "docker_volume_size",
            "flavor_id",
        ),
        *("merge_labels", "create_timeout", "floating_ip_enabled", "fixed_network"),
    )
    made = ann.get(f"/clusters/{ann.make_cluster('swarm', **dict.fromkeys(names))}").json
    assert (made["keypair"], made["node_count"], made["master_count"], made["create_timeout"]) == ("key", 1, 1, 60)


def test_what_is_not_the_owners_to_choose_is_dropped_or_refused(ann, template):
    dropped = {"uuid": UNKNOWN, "status": "CREATE_COMPLETE", "status_reason": "x", "health_status": "HEALTHY"}
    made = ann.get(f"/clusters/{ann.make_cluster('swarm', **dropped)}").json
    assert made["uuid"] != UNKNOWN
    assert (made["status"], made["status_reason"], made["health_status"]) == ("CREATE_IN_PROGRESS", None, None)
    for name in ("stack_id", "api_address", "project_id", "node_addresses", "created_at", "links"):
        answer = ann.post("/clusters", {"cluster_template_id": "swarm", name: None})
        assert answer.status_code == 400
        assert title(answer) == f"The attribute {name} of a cluster is read-only and cannot be set"


def test_a_cluster_starts_with_two_node_groups_an_operation_and_an_event(world, ann, template):
    uuid = ann.make_cluster("swarm", node_count=2, create_timeout=5, labels={"c": "1"})
    masters, workers = world.groups(uuid)
    assert (masters.name, masters.role, masters.node_count) == ("default-master", "master", 1)
    assert (workers.name, workers.role, workers.node_count) == ("default-worker", "worker", 2)
    for group in (masters, workers):
        assert (group.is_default, group.status, group.image_id) == (True, "CREATE_IN_PROGRESS", "fake")
        assert group.labels == {"c": "1"}
    (operation,) = world.operations(uuid)
    assert operation.arguments == CreateCluster()
    assert operation.state is OperationState.ACTIVE
    assert operation.deadline == operation.created_at + 5 * 60 * 1_000_000
    assert operation.request_id.startswith("req-")
    asked, warned = sorted(world.events(uuid), key=lambda event: event.id)
    assert (asked.kind, asked.operation_uuid) == ("cluster.create", operation.uuid)
    assert (warned.kind, warned.level, warned.text) == (
        "cluster.labels",
        "warning",
        "No label is called c: it has no effect.",
    )


def test_no_timeout_is_no_deadline(world, ann, template):
    (operation,) = world.operations(ann.make_cluster("swarm", create_timeout=0))
    assert operation.deadline is None


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"cluster_template_id": None}, "The mandatory attribute cluster_template_id is missing"),
        ({"name": "1web"}, "name must be 1 to 242 letters"),
        ({"name": "a b"}, "name must be 1 to 242 letters"),
        ({"name": "a" * 243}, "name must be 1 to 242 letters"),
        ({"name": ""}, "name must be 1 to 242 letters"),
        ({"node_count": -1}, "node_count must be a whole number"),
        ({"node_count": 10**12}, "node_count must be a whole number"),
        ({"node_count": 1.5}, "node_count must be a whole number"),
        ({"master_count": 0}, "master_count must be a whole number"),
        ({"master_count": 2}, "master_lb_enabled must be true for a master_count of more than 1"),
        ({"create_timeout": -1}, "create_timeout must be a whole number"),
        ({"docker_volume_size": 0}, "docker_volume_size must be a whole number"),
        ({"flavor_id": "huge"}, "flavor_id must name a flavor that exists"),
        ({"labels": {"a": {"b": 1}}}, "labels must be an object"),
        ({"labels": {"fake_faults": "nonsense"}}, "labels/fake_faults"),
        ({"labels": {"kube_tag": "new"}}, "The label kube_tag must be a version of Kubernetes in three numbers"),
        ({"colour": "red"}, "Unknown attribute for a cluster: 'colour'"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(ann, template, more, says):
    answer = ann.post("/clusters", {"cluster_template_id": "swarm"} | more)
    assert answer.status_code == 400
    assert title(answer).startswith(says)
    assert ann.get("/clusters").json == {"clusters": []}


@pytest.mark.parametrize(("version", "status"), [("1.1", 400), ("1.9", 400), ("1.10", 404), ("latest", 404)])
def test_an_unknown_template(ann, version, status):
    answer = ann.post("/clusters", {"cluster_template_id": "nothing"}, version=version)
    assert answer.status_code == status
    assert title(answer) == "There is no cluster template nothing"


def test_an_ambiguous_template(ann, template):
    ann.make_template()
    assert ann.post("/clusters", {"cluster_template_id": "swarm"}).status_code == 409


@pytest.mark.parametrize(("version", "status"), [("1.9", 400), ("1.10", 202)])
def test_a_cluster_without_workers_needs_a_newer_version(ann, template, version, status):
    answer = ann.post("/clusters", {"cluster_template_id": "swarm", "node_count": 0}, version=version)
    assert answer.status_code == status


def test_the_size_of_a_devicemapper_volume_is_the_clusters_first(ann):
    ann.make_template(docker_storage_driver="devicemapper", docker_volume_size=3)
    assert ann.post("/clusters", {"cluster_template_id": "swarm", "docker_volume_size": 2}).status_code == 400
    assert ann.post("/clusters", {"cluster_template_id": "swarm"}).status_code == 202


@pytest.mark.in_process
def test_a_driver_that_was_disabled_makes_no_new_clusters(world, ann, template):
    world.change(drivers=Registry([]))
    answer = ann.post("/clusters", {"cluster_template_id": "swarm"})
    assert answer.status_code == 400
    assert title(answer).startswith("This type of cluster is not supported")


@pytest.mark.in_process
@pytest.mark.parametrize(("change", "status"), [("delete", 400), ("update", 409)])
def test_a_template_that_changes_at_the_last_moment(world, ann, template, monkeypatch, change, status):  # noqa: PLR0917
    inherit = labels.inherit

    def meanwhile(*args, **kwargs):
        if change == "delete":
            assert ann.delete("/clustertemplates/swarm").status_code == 204
        else:
            assert ann.patch("/clustertemplates/swarm", [{"op": "remove", "path": "/labels"}]).status_code == 200
        return inherit(*args, **kwargs)

    monkeypatch.setattr(labels, "inherit", meanwhile)
    assert ann.post("/clusters", {"cluster_template_id": "swarm"}).status_code == status
    assert ann.get("/clusters").json == {"clusters": []}


def test_hidden_templates_are_for_administrators(ann, root):
    hidden = root.make_template(hidden=True, public=True)
    own = ann.make_template(name="own")
    root.patch(f"/clustertemplates/{own['uuid']}", [{"op": "replace", "path": "/hidden", "value": True}])
    assert ann.post("/clusters", {"cluster_template_id": hidden["uuid"]}).status_code == 404
    assert ann.post("/clusters", {"cluster_template_id": own["uuid"]}).status_code == 403
    assert root.post("/clusters", {"cluster_template_id": hidden["uuid"]}).status_code == 202


def test_the_quota_is_a_hard_limit(world, ann, eve, template, root):
    limit = "INSERT INTO quotas (project_id, resource, hard_limit) VALUES ('fishers', 'Cluster', 2)"
    world.write(lambda tx: tx.execute(text(limit)))
    for _ in range(2):
        ann.make_cluster("swarm")
    answer = ann.post("/clusters", {"cluster_template_id": "swarm"})
    assert answer.status_code == 403
    assert title(answer) == "The resource limit is exceeded: this project may have 2 clusters and has them"
    eve.make_template()
    assert eve.post("/clusters", {"cluster_template_id": "swarm"}).status_code == 202


@pytest.mark.in_process
def test_the_order_of_the_checks(world, ann, reader, template):
    """Body, template, driver, policy, quota, the rest: the first that fails is told."""
    bad = {"cluster_template_id": "swarm", "flavor_id": "huge"}
    assert reader.post("/clusters", bad | {"node_count": "x"}).status_code == 400
    assert reader.post("/clusters", bad | {"cluster_template_id": "nothing"}).status_code == 404
    assert reader.post("/clusters", bad).status_code == 403
    world.configure(quotas=Quotas(max_clusters_per_project=0))
    assert ann.post("/clusters", bad).status_code == 403
    assert ann.get("/clusters").json == {"clusters": []}


# ---- read


def test_collections_are_summaries_and_detail_is_not(ann, cluster):
    (summary,) = ann.get("/clusters").json["clusters"]
    (detail,) = ann.get("/clusters/detail").json["clusters"]
    full = ann.get("/clusters/web").json
    assert detail == full
    assert summary == {name: full[name] for name in summary}
    assert set(summary) == {
        *(
            "uuid",
            "name",
            "cluster_template_id",
            "keypair",
            "node_count",
            "master_count",
            "docker_volume_size",
            "labels",
        ),
        *("master_flavor_id", "flavor_id", "create_timeout", "cluster_id", "status", "health_status", "merge_labels"),
        "links",
    }


@pytest.mark.parametrize(
    ("version", "names"), [("1.12", ("stack_id", "cluster_id")), ("1.13", ("cluster_id", "stack_id"))]
)
def test_the_stack_is_called_cluster_id_from_1_13_on(world, ann, cluster, version, names):
    shown, hidden = names
    world.set_status(cluster, "CREATE_COMPLETE", stack_id="s1")
    for answer in (
        ann.get("/clusters/web", version=version).json,
        ann.get("/clusters", version=version).json["clusters"][0],
    ):
        assert answer[shown] == "s1"
        assert hidden not in answer


def test_what_another_release_has_written_is_shown_as_it_is(world, ann, cluster, template):
    world.set_status(cluster, "REBUILD_COMPLETE")
    world.write(lambda tx: clustertemplates.update(tx, template["uuid"], coe="nomad"))
    assert ann.get("/clusters/web").json["status"] == "REBUILD_COMPLETE"
    assert ann.get("/clustertemplates/swarm").json["coe"] == "nomad"


def test_a_cluster_whose_template_is_gone_is_shown(world, ann, cluster, template):
    world.write(lambda tx: clustertemplates.delete(tx, template["uuid"]))
    assert ann.get("/clusters/web").json["labels_added"] == {"a": "1", "b": "2"}
    assert ann.delete("/clusters/web").status_code == 204


def test_a_failed_cluster_shows_the_faults_of_its_node_groups(world, ann, cluster):
    world.set_status(cluster, "CREATE_FAILED", status_reason="node web-1: step 20 failed")
    _, workers = world.groups(cluster)
    world.write(lambda tx: nodegroups.update(tx, workers.uuid, status_reason="web-1 failed"))
    shown = ann.get("/clusters/web").json
    assert shown["status_reason"] == "node web-1: step 20 failed"
    assert shown["faults"] == {"default-master": None, "default-worker": "web-1 failed"}
    for path in ("/clusters", "/clusters/detail"):
        assert "faults" not in ann.get(path).json["clusters"][0]


def test_counts_and_addresses_are_sums_over_the_node_groups(world, ann, cluster):
    masters, workers = world.groups(cluster)
    world.write(lambda tx: nodegroups.update(tx, masters.uuid, node_addresses=("10.0.0.1",)))
    world.write(lambda tx: nodegroups.update(tx, workers.uuid, node_addresses=("10.0.0.2", "10.0.0.3")))
    shown = ann.get("/clusters/web").json
    assert (shown["node_count"], shown["node_addresses"]) == (2, ["10.0.0.2", "10.0.0.3"])
    assert (shown["master_count"], shown["master_addresses"]) == (1, ["10.0.0.1"])


def test_pages_follow_next_until_there_is_none(ann, template):
    made = [ann.make_cluster("swarm", name=f"c{number}") for number in range(4)]
    page, seen = ann.get("/clusters", params={"limit": "2"}).json, []
    while True:
        seen += [item["uuid"] for item in page["clusters"]]
        if "next" not in page:
            break
        page = ann.get("/clusters", query_string=page["next"].partition("?")[2]).json
    assert seen == made
    assert page == {"clusters": []}


@pytest.mark.in_process
def test_the_limit_is_capped_at_the_operators(world, ann, template):
    world.configure(api=Api(max_limit=2))
    for _ in range(3):
        ann.make_cluster("swarm")
    for query in ("", "limit=100"):
        page = ann.get("/clusters", query_string=query).json
        assert len(page["clusters"]) == 2
        assert "limit=2&" in page["next"]


def test_a_name_that_two_clusters_have_is_ambiguous(ann, cluster, template):
    ann.make_cluster("swarm", name="web")
    for answer in (ann.get("/clusters/web"), ann.delete("/clusters/web"), ann.patch("/clusters/web", [])):
        assert answer.status_code == 409
    assert ann.get(f"/clusters/{cluster}").status_code == 200
