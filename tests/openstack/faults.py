"""A service of our own, a project of its own, and clusters in it that are stacks of one server and nothing more."""

import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cloud import Cloud, until
from own_service import OwnService
from projects import KEY_PAIR, Project

from magnum.drivers.heat.names import stack_name

SECONDS = 300
HANDLE = "OS::Heat::WaitConditionHandle"
SUCCESS = {"status": "SUCCESS"}


class Stage:
    """Everything is gone when `ending` ends."""

    def __init__(self, cloud: Cloud, folder: Path, ending: ExitStack, *, certificates: str = "x509keypair") -> None:
        self.project = Project(cloud, ending)
        self.owner = self.project.owner
        self.service = OwnService(folder, cloud.folder, ending, certificates=certificates)
        self.between = self.service.between
        self.owner.endpoint = f"{self.service.url}/v1"
        template = {"name": "stacks", "coe": "mesos", "image_id": "debian-12", "external_network_id": "public"}
        flavors = {"flavor_id": "m1.tiny", "master_flavor_id": "m1.tiny"}
        self._template = self.owner.make("/clustertemplates", template | flavors)
        self.service.start_conductor()
        self._signalled: set[str] = set()

    def create(self, **more: Any) -> str:
        body = {"name": f"c{secrets.token_hex(3)}", "cluster_template_id": self._template, "node_count": 0}
        return self.owner.make("/clusters", body | {"keypair": KEY_PAIR} | more)

    def show(self, uuid: str) -> Any:
        answer = self.owner.ask("GET", f"/clusters/{uuid}")
        return answer.json() if answer.status_code == 200 else {"status": "GONE", "status_reason": None}

    def until(self, uuid: str, status: str, *words: str) -> str:
        """Look until a cluster has this status, and says why; give what it says."""

        def is_so() -> str | None:
            found = self.show(uuid)
            reason = found["status_reason"] or ""
            is_that = found["status"] == status and all(word in reason for word in words)
            return (reason or status) if is_that else None

        said: str = until(f"{uuid} is {status} {words}", is_so, seconds=SECONDS)
        return said

    def waits_for_heat(self, uuid: str) -> bool:
        return "waiting for Heat" in (self.show(uuid)["status_reason"] or "")

    def stack(self, uuid: str) -> Any:
        """Give the stack of a cluster, which has to have one."""
        name = stack_name(self.show(uuid)["name"], uuid)
        return until("there is a stack", lambda: self.owner.connection.orchestration.find_stack(name))

    def complete(self, uuid: str) -> None:
        """Let machines signal as they come, until the cluster is complete."""

        def is_so() -> bool:
            for handle in self._handles(uuid):
                if (home := _home(handle)) not in self._signalled:
                    self._signalled.add(home)
                    self._give(home, SUCCESS)
            return str(self.show(uuid)["status"]) == "CREATE_COMPLETE"

        until(f"{uuid} is complete", is_so, seconds=SECONDS)

    def fail(self, uuid: str, reason: str) -> None:
        """Let the machine say that it has failed, when it is there."""
        [handle] = until("the machine is there", lambda: self._handles(uuid), seconds=SECONDS)
        self._give(_home(handle), {"status": "FAILURE", "reason": reason})

    def _give(self, home: str, signal: dict[str, str]) -> None:
        answer = self.owner.ask("POST", f"/stacks/{home}/resources/handle/signal", signal, service="orchestration")
        assert answer.status_code in (200, 404), answer.text  # 404: Heat is about to make it anew

    def _handles(self, uuid: str) -> list[Any]:
        """Give where machines signal to."""
        stack = self.stack(uuid)
        path = f"/stacks/{stack.name}/{stack.id}/resources?nested_depth=5&type={HANDLE}"
        found = self.owner.ask("GET", path, service="orchestration").json().get("resources", ())
        return [one for one in found if one["resource_status"].endswith("_COMPLETE")]

    def retry(self, uuid: str) -> None:
        assert self.owner.ask("POST", f"/clusters/{uuid}/actions/retry").status_code == 202

    def delete(self, *uuids: str) -> None:
        for uuid in uuids:
            assert self.owner.ask("DELETE", f"/clusters/{uuid}").status_code == 204

    def until_nothing_is_left(self, *uuids: str) -> None:
        for uuid in uuids:
            self.until(uuid, "GONE")
        until("the project is empty", lambda: self.project.holds() == [], seconds=SECONDS)


def _home(resource: Any) -> str:
    """Give the stack that it is in, as a part of a path."""
    [home] = [link["href"].split("/stacks/")[1] for link in resource["links"] if link["rel"] == "stack"]
    return str(home)
