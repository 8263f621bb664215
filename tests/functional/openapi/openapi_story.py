"""One life of the service, in which everything is asked for once: the examples of the document are taken from it."""

import json
import time
from typing import Any

from certificate_requests import make_csr
from openapi_rig import SECONDS, Client

from magnum.api.openapi.examples import Exchange

SHOWN_URL = "https://container-infra.example.org"


class Story(Client):
    """Asks, and writes down what was asked for and answered."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.exchanges: list[Exchange] = []

    def ask(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int = 200,
        version: str = "1.14",
        name: str = "usual",
    ) -> None:
        answer = self.call(method, path, body, version=version)
        assert answer.status == status, (operation, answer.status, answer.data)
        said = json.loads(answer.data.decode().replace(self.url, SHOWN_URL)) if answer.data else None
        shown = {} if operation == "get_openapi" else {"answer": said}
        self.exchanges.append(
            Exchange(operation=operation, name=name, path=path, status=status, version=version, body=body, **shown)
        )


def tell(url: str) -> list[Exchange]:
    story = Story(url)
    _begin(story)
    _templates(story)
    _clusters(story)
    _nodegroups(story)
    _certificates(story)
    _actions(story)
    _federations(story)
    _quotas(story)
    _bays(story)
    _end(story)
    story.close()
    return story.exchanges


def _begin(story: Story) -> None:
    story.ask("list_versions", "GET", "/")
    story.ask("get_version", "GET", "/v1")
    story.ask("get_openapi", "GET", "/v1/openapi.json")
    story.ask("list_mservices", "GET", "/v1/mservices")


def _templates(story: Story) -> None:
    new = {"name": "kube", "coe": "kubernetes", "image_id": "fake", "labels": {"fake_version": "1.0"}}
    story.ask("create_clustertemplate", "POST", "/v1/clustertemplates", new, status=201)
    story.ask("list_clustertemplates", "GET", "/v1/clustertemplates?limit=1")
    story.ask("list_clustertemplates_detail", "GET", "/v1/clustertemplates/detail?sort_key=name&limit=1")
    patch = [{"op": "add", "path": "/tags", "value": "small,cheap"}]
    story.ask("update_clustertemplate", "PATCH", "/v1/clustertemplates/swarm", patch)
    story.ask("get_clustertemplate", "GET", "/v1/clustertemplates/swarm")


def _clusters(story: Story) -> None:
    labels = {"team": "blue"}
    new = {"name": "shop", "cluster_template_id": "kube", "node_count": 2, "labels": labels, "merge_labels": True}
    story.ask("plan_create", "POST", "/v1/clusters/actions/plan", new)
    story.ask("create_cluster", "POST", "/v1/clusters", new, status=202)
    story.until("shop", "CREATE_COMPLETE")
    story.ask("get_cluster", "GET", "/v1/clusters/web")
    story.ask("get_cluster", "GET", "/v1/clusters/web", version="1.12", name="before-1.13")
    story.ask("list_clusters", "GET", "/v1/clusters?limit=2")
    story.ask("list_clusters_detail", "GET", "/v1/clusters/detail?limit=1")
    story.ask("get_stats", "GET", "/v1/stats")
    story.ask("list_events", "GET", "/v1/clusters/web/events?limit=2")
    health = [{"op": "replace", "path": "/health_status", "value": "HEALTHY"}]
    story.ask("update_cluster", "PATCH", "/v1/clusters/web", health, status=202, name="health")
    more = [{"op": "replace", "path": "/node_count", "value": 3}]
    story.ask("update_cluster", "PATCH", "/v1/clusters/web?rollback=true", more, status=202, name="resize")
    story.until("web", "UPDATE_COMPLETE")
    story.ask("list_operations", "GET", "/v1/clusters/web/operations?limit=1")


def _nodegroups(story: Story) -> None:
    groups = "/v1/clusters/web/nodegroups"
    story.ask("list_nodegroups", "GET", f"{groups}?role=worker")
    new = {"name": "tall", "node_count": 1, "max_node_count": 4, "node_labels": {"disk": "slow"}}
    story.ask("create_nodegroup", "POST", groups, new, status=202)
    story.until("web", "UPDATE_COMPLETE")
    story.ask("get_nodegroup", "GET", f"{groups}/large")
    patch = [{"op": "replace", "path": "/max_node_count", "value": 6}]
    story.ask("update_nodegroup", "PATCH", f"{groups}/large", patch, status=202)
    story.until("web", "UPDATE_COMPLETE")


def _certificates(story: Story) -> None:
    csr = make_csr("ann")
    story.ask("get_certificate", "GET", "/v1/certificates/web")
    story.ask("get_certificate_of_type", "GET", "/v1/certificates/web/kubernetes")
    story.ask("sign_certificate", "POST", "/v1/certificates", {"cluster_uuid": "web", "csr": csr}, status=201)
    story.ask("make_client_config", "POST", "/v1/clusters/web/config", {"csr": csr})
    story.ask("rotate_certificates", "PATCH", "/v1/certificates/web", status=202)
    story.until("web", "UPDATE_COMPLETE")
    story.ask("rotate_credential", "PATCH", "/v1/credentials/web", status=202)
    story.until("web", "UPDATE_COMPLETE")


def _actions(story: Story) -> None:
    resize = {"node_count": 2}
    upgrade = {"cluster_template": "newer", "max_batch_size": 1}
    story.ask("plan_change", "POST", "/v1/clusters/web/actions/plan", {"resize": resize}, name="resize")
    story.ask("plan_change", "POST", "/v1/clusters/web/actions/plan", {"upgrade": upgrade}, name="upgrade")
    story.ask("resize_cluster", "POST", "/v1/clusters/web/actions/resize", resize, status=202)
    story.until("web", "UPDATE_COMPLETE")
    story.ask("upgrade_cluster", "POST", "/v1/clusters/web/actions/upgrade", upgrade, status=202)
    story.until("web", "UPDATE_COMPLETE")
    story.ask("retry_cluster", "POST", "/v1/clusters/broken/actions/retry", {}, status=202)
    story.until("broken", "CREATE_FAILED")


def _federations(story: Story) -> None:
    new = {"name": "others", "hostcluster_id": "web", "properties": {"dns-zone": "example.org"}}
    story.ask("create_federation", "POST", "/v1/federations", new, status=202)
    story.ask("list_federations", "GET", "/v1/federations?limit=1")
    story.ask("list_federations_detail", "GET", "/v1/federations/detail?limit=1")
    story.ask("get_federation", "GET", "/v1/federations/all")
    join = [{"op": "add", "path": "/member_ids", "value": "mail"}]
    story.ask("update_federation", "PATCH", "/v1/federations/all", join, status=202)


def _quotas(story: Story) -> None:
    new = {"project_id": "gatherers", "resource": "Cluster", "hard_limit": 5}
    story.ask("create_quota", "POST", "/v1/quotas", new, status=201)
    story.ask("list_quotas", "GET", "/v1/quotas?all_tenants=true")
    story.ask("get_quota", "GET", "/v1/quotas/hunters/Cluster")
    story.ask("update_quota", "PATCH", "/v1/quotas/hunters/Cluster", {"hard_limit": 7}, status=202)


def _bays(story: Story) -> None:
    model = {"name": "older", "coe": "swarm-mode", "image_id": "fake", "keypair_id": "ann"}
    models = "/v1/baymodels"
    story.ask("create_baymodel", "POST", models, model, status=201, version="1.10")
    story.ask("list_baymodels", "GET", f"{models}?limit=1", version="1.10")
    story.ask("list_baymodels_detail", "GET", f"{models}/detail?limit=1", version="1.10")
    story.ask("get_baymodel", "GET", f"{models}/model", version="1.10")
    patch = [{"op": "add", "path": "/labels/team", "value": "blue"}]
    story.ask("update_baymodel", "PATCH", f"{models}/model", patch, version="1.10")
    new = {"name": "old", "baymodel_id": "model"}
    story.ask("create_bay", "POST", "/v1/bays", new, status=202, version="1.10")
    older = new | {"name": "oldest"}
    story.ask("create_bay", "POST", "/v1/bays", older, status=201, version="1.1", name="at-1.1")
    story.ask("list_bays", "GET", "/v1/bays?limit=1", version="1.10")
    story.ask("list_bays_detail", "GET", "/v1/bays/detail?limit=1", version="1.10")
    story.ask("get_bay", "GET", "/v1/bays/bay", version="1.10")
    for node_count, status, version, name in ((3, 202, "1.10", "usual"), (4, 200, "1.1", "at-1.1")):
        more = [{"op": "replace", "path": "/node_count", "value": node_count}]
        story.ask("update_bay", "PATCH", "/v1/bays/bay", more, status=status, version=version, name=name)
        story.until("bay", "UPDATE_COMPLETE")


def _end(story: Story) -> None:
    story.ask("delete_quota", "DELETE", "/v1/quotas/gatherers/Cluster", status=204)
    story.ask("delete_federation", "DELETE", "/v1/federations/others", status=204)
    story.ask("delete_nodegroup", "DELETE", "/v1/clusters/web/nodegroups/tall", status=204)
    story.ask("delete_bay", "DELETE", "/v1/bays/old", status=204, version="1.10")
    story.ask("delete_baymodel", "DELETE", "/v1/baymodels/older", status=204, version="1.10")
    story.ask("delete_cluster", "DELETE", "/v1/clusters/shop", status=204)
    _until_gone(story, "shop")
    story.ask("delete_clustertemplate", "DELETE", "/v1/clustertemplates/kube", status=204)


def _until_gone(story: Story, cluster: str) -> None:
    deadline = time.monotonic() + SECONDS
    while story.call("GET", f"/v1/clusters/{cluster}?wait=10").status != 404:
        assert time.monotonic() < deadline, f"{cluster} is still there"
