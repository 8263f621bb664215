"""What the projects of the lab have for the tests of who sees what: clusters, templates, a node group, a federation."""

from collections.abc import Callable

from cloud import Person, until
from policy_requests import FEDERATION
from test_policy_matrix import HIDDEN

NOTHING = "7c4c8c2c-1d1f-4b53-b0a4-3b8a9a3b0c00"
"""The UUID of nothing."""
TEMPLATE = {"coe": "swarm-mode", "image_id": "fake"}


class Things:
    """The member's, by the names that requests of the table have for them, and what is everybody's."""

    def __init__(self, person: Callable[[str], Person]) -> None:
        self._person = person
        self._clusters: list[tuple[str, str]] = []
        owner, admin = person("member"), person("admin")
        public, hidden = ({"name": name, name: True, "public": True} for name in ("public", "hidden"))
        self.public = admin.make("/clustertemplates", TEMPLATE | public)
        self.names = {
            "public": self.public,
            "hidden": admin.make("/clustertemplates", TEMPLATE | hidden),
            "unused": owner.make("/clustertemplates", TEMPLATE | {"name": "unused"}),
            "others": self._make_cluster("other", "own"),
        }
        for name in ("cluster", "failed", "own"):
            self.names[name] = self._make_cluster("member", name)
        for name in ("admin", "third"):
            self._make_cluster(name, "own")
        for found in self._clusters:
            self._settle(*found)
        cluster = self.names["cluster"]
        self.names["nodegroup"] = owner.make(f"/clusters/{cluster}/nodegroups", {"name": "gpu"})
        self.names["federation"] = owner.make("/federations", FEDERATION | {"hostcluster_id": cluster})
        self._settle("member", cluster)

    def _make_cluster(self, name: str, cluster: str) -> str:
        body = {"name": cluster, "cluster_template_id": self.public}
        uuid = self._person(name).make("/clusters", body)
        self._clusters.append((name, uuid))
        return uuid

    def _settle(self, name: str, uuid: str) -> None:
        def settled() -> bool:
            return str(self._person(name).ask("GET", f"/clusters/{uuid}").json()["status"]).endswith("_COMPLETE")

        until(f"cluster {uuid} is complete", settled)

    def _is_there(self, name: str, uuid: str) -> bool:
        return bool(self._person(name).ask("GET", f"/clusters/{uuid}").status_code == 200)

    def hide(self, text: str) -> str:
        """Put the UUID of nothing in the place of each that is the member's alone."""
        for name in HIDDEN:
            text = text.replace(self.names[name], NOTHING)
        return text

    def remove(self) -> None:
        self._person("member").ask("DELETE", f"/federations/{self.names['federation']}")
        for name, uuid in self._clusters:
            self._person(name).ask("DELETE", f"/clusters/{uuid}")
        until("all clusters are gone", lambda: not any(self._is_there(*found) for found in self._clusters))
        for template in ("unused", "hidden", "public"):
            assert self._person("admin").ask("DELETE", f"/clustertemplates/{self.names[template]}").status_code == 204
