"""Who may do what: every rule and everybody, as the table says; asked of the rules, and of the service over HTTP.

    y   allowed
    n   refused: 403
    -   not found: 404, as for what is not there at all
    .   cannot be asked: a machine of a cluster reaches its own listener only, which serves nothing else

The cluster and the template are the member's, of the project `fishers`. The project admin is one of another project.
The system's admin and reader have tokens of the whole system, which are none of a project. Machines prove themselves by
a token, and asked once more by a certificate. The trustee is the Keystone user that an adopted cluster has of its own,
with a token of no project.
"""

from collections.abc import Iterator

import falcon.testing
import msgspec
import pytest
from node_machines import Prover
from policy_requests import FEDERATION, NODE_NAME, REQUESTS
from worlds import InProcess, make_settings

from magnum.api.app import make_app
from magnum.api.nodes import make_node_application
from magnum.api.policy import Policy, make_enforcer
from magnum.api.requests import REQUESTER, App
from magnum.certificates.authority import new_authority, open_authority
from magnum.certificates.rules import SigningRules
from magnum.conf.trust import Trust
from magnum.db import clusters, credentials, nodes, operations, signing, x509keypairs
from magnum.model.credentials import NodeCredential, hash_token
from magnum.model.names import new_uuid
from magnum.model.nodes import Node
from magnum.model.operations import OperationState
from magnum.model.requesters import Requester
from magnum.model.signing import NodeLimits
from magnum.model.x509keypairs import X509KeyPair
from magnum.policies import list_rules

TABLE = """
                                          system system project                       other   node of node of trustee of
                                          admin  reader admin  manager member reader  project this    another an adopted

certificate:create                        n      -      y      n       y      n       -       y       .      y
certificate:get                           n      -      y      n       y      n       -       y       .      y
certificate:rotate_ca                     n      -      y      y       y      n       -       .       .      n

cluster:create           bay:create       n      n      y      y       y      n       y       .       .      n
cluster:delete           bay:delete       n      -      y      y       y      n       -       .       .      n
cluster:detail           bay:detail       n      n      y      y       y      y       y       .       .      n
cluster:get              bay:get          n      -      y      y       y      y       -       .       .      n
cluster:get_all          bay:get_all      n      n      y      y       y      y       y       .       .      n
cluster:update           bay:update       n      -      y      y       y      n       -       .       .      n
cluster:resize                            n      -      y      y       y      n       -       .       .      n
cluster:upgrade                           n      -      y      y       y      n       -       .       .      n
cluster:retry                             n      -      y      y       y      n       -       .       .      n
cluster:plan                              n      -      y      y       y      y       -       .       .      n
cluster:get_events                        n      -      y      y       y      y       -       .       .      n
cluster:get_operations                    n      -      y      y       y      y       -       .       .      n
cluster:update_health_status              n      -      y      y       y      n       -       .       .      y
cluster:delete_all_projects               y      n      y      n       n      n       n       .       .      n
cluster:detail_all_projects               y      n      y      n       n      n       n       .       .      n
cluster:get_one_all_projects              y      n      y      n       n      n       n       .       .      n
cluster:get_all_all_projects              y      n      y      n       n      n       n       .       .      n
cluster:update_all_projects               y      n      y      n       n      n       n       .       .      n
cluster:upgrade_all_projects              y      n      y      n       n      n       n       .       .      n

clustertemplate:create   baymodel:create  n      n      y      y       y      n       y       .       .      n
clustertemplate:delete   baymodel:delete  n      -      y      y       y      n       -       .       .      n
clustertemplate:detail   baymodel:detail  n      n      y      y       y      y       y       .       .      n
clustertemplate:get      baymodel:get     n      -      y      y       y      y       -       .       .      n
clustertemplate:get_all  baymodel:get_all n      n      y      y       y      y       y       .       .      n
clustertemplate:update   baymodel:update  n      -      y      y       y      n       -       .       .      n
clustertemplate:publish                   y      n      y      n       n      n       n       .       .      n
baymodel:publish                          n      n      y      n       n      n       n       .       .      n
clustertemplate:delete_all_projects       y      n      y      n       n      n       n       .       .      n
clustertemplate:detail_all_projects       y      n      y      n       n      n       n       .       .      n
clustertemplate:get_one_all_projects      y      n      y      n       n      n       n       .       .      n
clustertemplate:get_all_all_projects      y      n      y      n       n      n       n       .       .      n
clustertemplate:update_all_projects       y      n      y      n       n      n       n       .       .      n

nodegroup:get                             n      n      y      y       y      y       -       .       .      n
nodegroup:get_all                         n      n      y      y       y      y       -       .       .      n
nodegroup:create                          n      n      y      y       y      n       -       .       .      n
nodegroup:update                          n      n      y      y       y      n       -       .       .      n
nodegroup:delete                          n      n      y      y       y      n       -       .       .      n
nodegroup:get_one_all_projects            y      n      y      n       n      n       n       .       .      n
nodegroup:get_all_all_projects            y      n      y      n       n      n       n       .       .      n

credential:rotate                         n      -      -      y       y      n       -       .       .      n

federation:create                         n      n      y      y       y      n       y       .       .      n
federation:delete                         n      -      y      y       y      n       -       .       .      n
federation:detail                         n      n      y      y       y      y       y       .       .      n
federation:get                            n      -      y      y       y      y       -       .       .      n
federation:get_all                        n      n      y      y       y      y       y       .       .      n
federation:update                         n      -      y      y       y      n       -       .       .      n

quota:get                                 n      n      y      y       y      y       y       .       .      n
quota:create                              y      n      y      n       n      n       n       .       .      n
quota:delete                              y      n      y      n       n      n       n       .       .      n
quota:get_all                             y      n      y      n       n      n       n       .       .      n
quota:update                              y      n      y      n       n      n       n       .       .      n
stats:get_all                             n      n      y      y       y      y       y       .       .      n
magnum-service:get_all                    y      n      y      n       n      n       n       .       .      n
"""

TRUSTEES = "domain-of-trustees"
MEMBER = ("member", "reader")
PEOPLE = {
    "system admin": Requester(
        user_id="sue", project_id=None, roles=("admin", "manager", *MEMBER), system_scope="all", user_domain_id="d1"
    ),
    "system reader": Requester(
        user_id="sam", project_id=None, roles=("reader",), system_scope="all", user_domain_id="d1"
    ),
    "project admin": Requester(
        user_id="root", project_id="operators", roles=("admin", "manager", *MEMBER), user_domain_id="d1"
    ),
    "manager": Requester(user_id="max", project_id="fishers", roles=("manager", *MEMBER), user_domain_id="d1"),
    "member": Requester(user_id="amy", project_id="fishers", roles=MEMBER, user_domain_id="d1"),
    "reader": Requester(user_id="rita", project_id="fishers", roles=("reader",), user_domain_id="d1"),
    "other project": Requester(user_id="eve", project_id="others", roles=MEMBER, user_domain_id="d1"),
    "trustee": Requester(user_id="t1", user_name="cluster_fishers", project_id=None, roles=(), user_domain_id=TRUSTEES),
}
NODES = ("node", "node of another")
BY_CERTIFICATE = " by its certificate"
COLUMNS = [*list(PEOPLE)[:-1], *NODES, "trustee"]
MATRIX = {
    rule: dict(zip(COLUMNS, cells[-len(COLUMNS) :], strict=True))
    for cells in (line.split() for line in TABLE.splitlines() if ":" in line)
    for rule in cells[: -len(COLUMNS)]
}
OWN_AFFAIRS = ("create", "get_all", "detail", "_all_projects", "publish")
"""Rules of these names are asked without an object, as are all of the resources below."""
WITHOUT_OBJECT = ("quota", "stats", "magnum-service")


def test_the_table_has_every_rule():
    assert sorted(MATRIX) == sorted(rule.name for rule in list_rules() if ":" in rule.name)


def make_policy(world) -> Policy:
    return Policy(make_enforcer(world.service.settings.oslo), Trust(trustee_domain_id=TRUSTEES), clock=world.clock)


@pytest.mark.parametrize("rule", MATRIX)
def test_what_the_rules_say(shared_world, rule):
    policy, (resource, _, action) = make_policy(shared_world), rule.partition(":")
    alone = resource in WITHOUT_OBJECT or (
        action.endswith(OWN_AFFAIRS) and resource not in ("certificate", "nodegroup")
    )
    thing = {"project_id": "fishers", "user_id": "amy", "trustee_user_id": "t1"}
    for name, person in PEOPLE.items():
        if rule == "cluster:update_health_status":
            thing |= {"project_id": person.project_id, "user_id": person.user_id}
        allowed = policy.allows(rule, policy.identify(person), None if alone else thing)
        if rule != "cluster:update_health_status" or name != "other project":  # whom the lookup keeps out
            assert allowed == (MATRIX[rule][name] == "y"), name


HIDDEN = ("cluster", "unused", "failed", "nodegroup", "federation")
"""What is the member's alone, by the names that requests have for it."""
NARROW = ("bay:", "baymodel:", "federation:", "credential:")
"""Lookups of these see the asker's own project alone, whatever the rules would allow."""
WITHOUT_PROJECT = ("system admin", "system reader", "trustee")


def expected(rule: str, who: str) -> str:
    """Give the answer over HTTP. Where it differs from the rule's own, the object is not found before that is asked."""
    own = MATRIX[rule][who]
    if (rule, who) == ("clustertemplate:publish", "system admin"):
        return "n"  # who may publish, and may not make what is published
    narrow = rule.startswith(NARROW) and "{" in REQUESTS[rule].path
    if narrow and who in (*WITHOUT_PROJECT, "project admin"):
        return "-"
    return own


class Stage:
    """A cluster and templates of the member's, and everybody who may want something of them."""

    def __init__(self) -> None:
        settings = msgspec.structs.replace(make_settings(), trust=Trust(trustee_domain_id=TRUSTEES))
        self.world = InProcess(settings=settings, sign_wake=self.sign)
        self._app = self._served = None
        self.owner = self.world.person("amy", "fishers")
        self._authorities = [new_authority("own", SigningRules(), self.world.clock.now()) for _ in range(2)]
        self._make()
        self._picture = self.world.picture()

    def set_up(self) -> None:
        """Let everything be there that anybody asks for, as it was made."""
        self.world.go_back(self._picture)

    def close(self) -> None:
        self._picture.close()
        self.world.database.dispose()

    def _make(self) -> None:
        root = self.world.person("root", "operators", "admin")
        self.names = {"public": root.make_template(name="public", public=True)["uuid"]}
        for person in (self.owner, root, self.world.person("eve", "others")):
            person.make_cluster(self.names["public"], name="own")
        assert root.post("/quotas", {"project_id": "fishers", "hard_limit": 100}).status_code == 201
        self.names["unused"] = self.owner.make_template(keypair_id="key")["uuid"]
        self.names["failed"] = self._failed_cluster()
        self.names["cluster"] = cluster = self.owner.make_cluster(self.names["public"])
        ref = new_uuid(self.world.service.randomness)
        pair = X509KeyPair(uuid=ref, certificate=self._authorities[0].certificate, private_key="sealed")
        self.world.write(lambda tx: x509keypairs.insert(tx, pair))
        columns = {"ca_cert_ref": ref, "trustee_user_id": "t1", "api_address": "tcp://192.0.2.1:2376"}
        self.world.write(lambda tx: clusters.update(tx, cluster, **columns))
        self.world.set_status(cluster, "CREATE_COMPLETE")
        self.names["nodegroup"] = self.owner.post(f"/clusters/{cluster}/nodegroups", {"name": "gpu"}).json["uuid"]
        self.world.set_status(cluster, "UPDATE_COMPLETE")
        federation = FEDERATION | {"hostcluster_id": cluster}
        self.names["federation"] = self.owner.post("/federations", federation).json["uuid"]

    def _failed_cluster(self) -> str:
        uuid = self.owner.make_cluster(self.names["public"])

        def fail(tx) -> None:
            claims = operations.claim(tx, owner=lambda: new_uuid(self.world.service.randomness), limit=1000, lease=60)
            for claim in claims:
                operations.finish(tx, claim, state=OperationState.FAILED, reason="no room")

        self.world.write(fail)
        self.world.set_status(uuid, "CREATE_FAILED")
        return uuid

    def sign(self) -> None:
        """Do what a conductor does."""
        (request,) = self.world.read(lambda tx: signing.waiting(tx, 10))
        self.world.write(lambda tx: signing.answer(tx, request.uuid, pem="signed"))

    def ask(self, who: str, rule: str, **instead: str):
        """Send the request of a rule; names in it may be replaced by others."""
        asked = REQUESTS[rule]
        path, body = asked.path, asked.body
        project = PEOPLE[who].project_id if who in PEOPLE else None
        own = {"own": "own", "project": project or "none", "new project": "newcomers"}
        names = own | self.names | instead
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", value)
        if isinstance(body, dict):
            body = {key: names.get(str(value).strip("{}"), value) for key, value in body.items()}
        headers, extras = {"OpenStack-API-Version": f"container-infra {asked.version}"}, {}
        if who.removesuffix(BY_CERTIFICATE) in NODES:
            app = make_node_application(self.world.service, self.names["cluster"])
            if who.endswith(BY_CERTIFICATE):
                own = who == f"node{BY_CERTIFICATE}"
                return self.prove(app, asked.method, f"/v1{path}", body, authority=self._authorities[not own])
            headers["X-Magnum-Node-Token"] = self.token(self.names["cluster"] if who == "node" else "another")
        else:
            app = self._application()
            extras[REQUESTER] = PEOPLE[who]
        more = {} if body is None else {"json": body}
        return falcon.testing.TestClient(app).simulate_request(
            asked.method, f"/v1{path}", headers=headers, extras=extras, **more
        )

    def _application(self) -> App:
        """Give what is behind the rings, which find out who asks: here that is known."""
        if self._served is not self.world.service:
            self._served, self._app = self.world.service, make_app(self.world.service)
        return self._app

    def prove(self, app, method, path, body, *, authority):
        """Ask as a machine that has a certificate of this authority."""
        seconds, cluster = self.world.clock.now() // 1_000_000, self.names["cluster"]
        if self.world.read(lambda tx: nodes.find_identity(tx, cluster, NODE_NAME)) is None:
            self.world.write(lambda tx: self._insert_node(tx, cluster))
        prover = Prover(open_authority(authority), self.world.clock.now(), NODE_NAME)
        return prover.ask(app, method, path, body, seconds)

    def _insert_node(self, tx, cluster: str) -> None:
        uuid, group = (new_uuid(self.world.service.randomness) for _ in range(2))
        node = Node(uuid=uuid, cluster_uuid=cluster, nodegroup_uuid=group, number=1, name=NODE_NAME, role="worker")
        nodes.insert(tx, node)
        nodes.keep_limits(tx, uuid, NodeLimits(common_name=NODE_NAME))

    def token(self, cluster: str) -> str:
        """Make the token of a machine of the cluster."""
        token = node = new_uuid(self.world.service.randomness)
        credential = NodeCredential(
            token_hash=hash_token(token),
            cluster_uuid=cluster,
            node_uuid=node,
            node_name=NODE_NAME,
            limits=NodeLimits(common_name=NODE_NAME),
            expires_at=self.world.clock.now() + 3_600_000_000,
        )
        self.world.write(lambda tx: credentials.insert(tx, credential))
        return token


@pytest.fixture(scope="module")
def kept_stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


@pytest.fixture
def stage(kept_stage) -> Stage:
    kept_stage.set_up()
    return kept_stage


@pytest.fixture
def world(stage) -> InProcess:
    return stage.world


def test_every_rule_is_asked_for():
    assert REQUESTS.keys() == MATRIX.keys()


@pytest.mark.parametrize("rule", [rule for rule in REQUESTS if not rule.endswith("_all_projects")])
def test_what_the_service_answers(stage, rule):
    for who in (*COLUMNS, *(node + BY_CERTIFICATE for node in NODES)):
        answer = stage.ask(who, rule)
        match expected(rule, who.removesuffix(BY_CERTIFICATE)):
            case "y":
                assert answer.status_code == REQUESTS[rule].status, (who, answer.text)
                if REQUESTS[rule].method != "GET":
                    stage.set_up()  # something has changed
            case "n":
                assert answer.status_code == 403, who
                title = answer.json["errors"][0]["title"]
                assert "policy rule" in title or "Not allowed to set public" in title
            case "-":
                assert_looks_like_nothing(stage, who, rule, answer)
            case ".":
                assert answer.status_code in (401, 404, 405), who


def assert_looks_like_nothing(stage: Stage, who: str, rule: str, answer) -> None:
    """Compare with the answer about something that does not exist."""
    nothing = "7c4c8c2c-1d1f-4b53-b0a4-3b8a9a3b0c00"
    of_nothing = stage.ask(who, rule, **dict.fromkeys(HIDDEN, nothing))
    assert answer.status_code == of_nothing.status_code
    assert answer.status_code in (400, 404)  # 400 where it is named in the body
    text = answer.text
    for name in HIDDEN:
        text = text.replace(stage.names[name], nothing)
    assert text == of_nothing.text


@pytest.mark.parametrize(
    "rule", [rule for rule, row in MATRIX.items() if row["other project"] == "-" and rule in REQUESTS]
)
def test_what_is_hidden_costs_what_is_not_there_costs(stage, statements, rule):
    """Nobody can tell by the time that it takes."""
    counted = []
    for instead in ({}, dict.fromkeys(HIDDEN, "7c4c8c2c-1d1f-4b53-b0a4-3b8a9a3b0c00")):
        statements.clear()
        stage.ask("other project", rule, **instead)
        counted.append(list(statements))
    assert counted[0] == counted[1]
    assert counted[0]


@pytest.mark.parametrize("rule", [rule for rule in REQUESTS if rule.endswith("_all_projects")])
def test_what_is_of_other_projects(stage, tmp_path, rule):
    """Whom the operator keeps out does not get the own project's instead: that would answer another question."""
    assert stage.ask("project admin", rule).status_code == REQUESTS[rule].status
    file = tmp_path / "policy.yaml"
    file.write_text(f'"{rule}": "!"\n')
    stage.set_up()
    stage.world.use_policy_file(file)
    answer = stage.ask("project admin", rule)
    assert answer.status_code == 403
    assert rule in answer.json["errors"][0]["title"]
