"""What each rule of policy is asked for over HTTP: the request, and the answer where the rule allows it.

Words in braces stand for what `test_policy_matrix.Stage` has made for the question.
"""

from typing import Any, NamedTuple

from certificate_requests import make_csr

NODE_NAME = "web-1"
CSR = make_csr(NODE_NAME, server=True)


class Asked(NamedTuple):
    method: str
    path: str
    body: Any
    status: int
    version: str = "latest"


def replaced(attribute: str, value: object) -> list[dict[str, object]]:
    return [{"op": "replace", "path": f"/{attribute}", "value": value}]


HEALTH = [{"op": "add", "path": "/health_status", "value": "HEALTHY"}]
TEMPLATE = {"coe": "swarm-mode", "image_id": "fake"}
FEDERATION = {"hostcluster_id": "{own}", "properties": {"dns-zone": "x"}}
OF_CLUSTER = "/clusters/{cluster}"
GROUPS = f"{OF_CLUSTER}/nodegroups"
QUOTA = "/quotas/{project}/Cluster"
OLD = "1.10"
"""The newest that has bays."""

REQUESTS = {
    "certificate:create": Asked("POST", "/certificates", {"cluster_uuid": "{cluster}", "csr": CSR}, 201),
    "certificate:get": Asked("GET", "/certificates/{cluster}", None, 200),
    "certificate:rotate_ca": Asked("PATCH", "/certificates/{cluster}", None, 202),
    "cluster:create": Asked("POST", "/clusters", {"cluster_template_id": "{public}", "name": "new"}, 202),
    "cluster:delete": Asked("DELETE", OF_CLUSTER, None, 204),
    "cluster:detail": Asked("GET", "/clusters/detail", None, 200),
    "cluster:get": Asked("GET", OF_CLUSTER, None, 200),
    "cluster:get_all": Asked("GET", "/clusters", None, 200),
    "cluster:update": Asked("PATCH", OF_CLUSTER, replaced("node_count", 2), 202),
    "cluster:resize": Asked("POST", f"{OF_CLUSTER}/actions/resize", {"node_count": 2}, 202),
    "cluster:upgrade": Asked("POST", f"{OF_CLUSTER}/actions/upgrade", {"cluster_template": "{public}"}, 202),
    "cluster:retry": Asked("POST", "/clusters/{failed}/actions/retry", None, 202),
    "cluster:plan": Asked("POST", f"{OF_CLUSTER}/actions/plan", {"resize": {"node_count": 2}}, 200),
    "cluster:get_events": Asked("GET", f"{OF_CLUSTER}/events", None, 200),
    "cluster:get_operations": Asked("GET", f"{OF_CLUSTER}/operations", None, 200),
    "cluster:update_health_status": Asked("PATCH", OF_CLUSTER, HEALTH, 202),
    "clustertemplate:create": Asked("POST", "/clustertemplates", TEMPLATE, 201),
    "clustertemplate:delete": Asked("DELETE", "/clustertemplates/{unused}", None, 204),
    "clustertemplate:detail": Asked("GET", "/clustertemplates/detail", None, 200),
    "clustertemplate:get": Asked("GET", "/clustertemplates/{unused}", None, 200),
    "clustertemplate:get_all": Asked("GET", "/clustertemplates", None, 200),
    "clustertemplate:update": Asked("PATCH", "/clustertemplates/{unused}", replaced("dns_nameserver", "9.9.9.9"), 200),
    "bay:create": Asked("POST", "/bays", {"baymodel_id": "{public}", "name": "new"}, 202, OLD),
    "bay:delete": Asked("DELETE", "/bays/{cluster}", None, 204, OLD),
    "bay:detail": Asked("GET", "/bays/detail", None, 200, OLD),
    "bay:get": Asked("GET", "/bays/{cluster}", None, 200, OLD),
    "bay:get_all": Asked("GET", "/bays", None, 200, OLD),
    "bay:update": Asked("PATCH", "/bays/{cluster}", replaced("node_count", 2), 202, OLD),
    "baymodel:create": Asked("POST", "/baymodels", TEMPLATE | {"keypair_id": "key"}, 201, OLD),
    "baymodel:delete": Asked("DELETE", "/baymodels/{unused}", None, 204, OLD),
    "baymodel:detail": Asked("GET", "/baymodels/detail", None, 200, OLD),
    "baymodel:get": Asked("GET", "/baymodels/{unused}", None, 200, OLD),
    "baymodel:get_all": Asked("GET", "/baymodels", None, 200, OLD),
    "baymodel:update": Asked("PATCH", "/baymodels/{unused}", replaced("dns_nameserver", "9.9.9.9"), 200, OLD),
    "nodegroup:get": Asked("GET", GROUPS + "/{nodegroup}", None, 200),
    "nodegroup:get_all": Asked("GET", GROUPS, None, 200),
    "nodegroup:create": Asked("POST", GROUPS, {"name": "more"}, 202),
    "nodegroup:update": Asked("PATCH", GROUPS + "/{nodegroup}", replaced("max_node_count", 5), 202),
    "nodegroup:delete": Asked("DELETE", GROUPS + "/{nodegroup}", None, 204),
    "credential:rotate": Asked("PATCH", "/credentials/{cluster}", None, 202),
    "federation:create": Asked("POST", "/federations", FEDERATION, 202),
    "federation:delete": Asked("DELETE", "/federations/{federation}", None, 204),
    "federation:detail": Asked("GET", "/federations/detail", None, 200),
    "federation:get": Asked("GET", "/federations/{federation}", None, 200),
    "federation:get_all": Asked("GET", "/federations", None, 200),
    "federation:update": Asked(
        "PATCH", "/federations/{federation}", replaced("properties", '{"dns-zone": "example.org"}'), 202
    ),
    "quota:get": Asked("GET", QUOTA, None, 200),
    "quota:create": Asked("POST", "/quotas", {"project_id": "{new project}"}, 201),
    "quota:delete": Asked("DELETE", "/quotas/fishers/Cluster", None, 204),
    "quota:get_all": Asked("GET", "/quotas", None, 200),
    "quota:update": Asked("PATCH", "/quotas/fishers/Cluster", {"hard_limit": 7}, 202),
    "stats:get_all": Asked("GET", "/stats", None, 200),
    "magnum-service:get_all": Asked("GET", "/mservices", None, 200),
    # The rules about other projects' things are asked for besides those of the things themselves.
    "cluster:get_one_all_projects": Asked("GET", OF_CLUSTER, None, 200),
    "cluster:get_all_all_projects": Asked("GET", "/clusters", None, 200),
    "cluster:detail_all_projects": Asked("GET", "/clusters/detail", None, 200),
    "cluster:update_all_projects": Asked("PATCH", OF_CLUSTER, replaced("node_count", 2), 202),
    "cluster:delete_all_projects": Asked("DELETE", OF_CLUSTER, None, 204),
    "cluster:upgrade_all_projects": Asked(
        "POST", f"{OF_CLUSTER}/actions/upgrade", {"cluster_template": "{public}"}, 202
    ),
    "clustertemplate:get_one_all_projects": Asked("GET", "/clustertemplates/{unused}", None, 200),
    "clustertemplate:get_all_all_projects": Asked("GET", "/clustertemplates", None, 200),
    "clustertemplate:detail_all_projects": Asked("GET", "/clustertemplates/detail", None, 200),
    "clustertemplate:update_all_projects": Asked(
        "PATCH", "/clustertemplates/{unused}", replaced("dns_nameserver", "9.9.9.9"), 200
    ),
    "clustertemplate:delete_all_projects": Asked("DELETE", "/clustertemplates/{unused}", None, 204),
    "nodegroup:get_one_all_projects": Asked("GET", GROUPS + "/{nodegroup}", None, 200),
    "nodegroup:get_all_all_projects": Asked("GET", GROUPS, None, 200),
    "clustertemplate:publish": Asked("POST", "/clustertemplates", TEMPLATE | {"public": True}, 201),
    "baymodel:publish": Asked("POST", "/baymodels", TEMPLATE | {"keypair_id": "key", "public": True}, 201, OLD),
}
