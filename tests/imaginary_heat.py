"""Heat as far as Magnum asks it, in memory: what it is told to do it begins, and a test says when that is done."""

import contextlib
import json
import uuid
from types import SimpleNamespace

from magnum.model.ledger import CloudResource, ResourceState
from magnum.openstack.errors import NotThere, Refused

PROJECT = "project"


class ImaginaryHeat:
    """Stands in for a CloudService, and for the clouds that give one."""

    def __init__(self):
        self.stacks = {}
        self.calls = []
        self.error = None
        """What every call fails with."""
        self.found = []
        """The resources of every stack."""
        self.outputs = {}

    # As Clouds, and as Cloud

    def trusted(self, trust_id):
        assert trust_id == "trust"
        return self

    def own(self):
        return self

    def deleting(self, trust_id, project_id):
        assert (trust_id, project_id) == ("trust", PROJECT)
        return self

    def heat(self):
        return self

    # As CloudService

    def get(self, path, *, params=None):
        query = {name: value for name, value in (params or {}).items() if value is not None}
        self._called("GET", path, query)
        if path == "/stacks":
            return {"stacks": [self._line(stack) for stack in self.stacks.values() if self._wanted(stack, query)]}
        stack = self._find(path)
        if path.endswith("/resources"):
            return {"resources": self.found}
        shown = query == {"resolve_outputs": "false"} or [
            {"output_key": name, "output_value": value} for name, value in self.outputs.items()
        ]
        parameters = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in stack["body"]["parameters"].items()
        }
        return {"stack": self._line(stack) | {"parameters": parameters} | ({} if shown is True else {"outputs": shown})}

    def post(self, path, body):
        self._called("POST", path, body)
        assert path == "/stacks"
        name = body["stack_name"]
        if name in self.stacks:
            raise Refused(f"Heat: The Stack ({name}) already exists.", 409)
        self.stacks[name] = {
            "id": str(uuid.uuid4()),
            "name": name,
            "body": body,
            "status": "CREATE_IN_PROGRESS",
            "reason": "",
            "project": PROJECT,
        }
        return {"stack": {"id": self.stacks[name]["id"]}}

    def put(self, path, body):
        self._called("PUT", path, body)
        self._find(path).update(body=body, status="UPDATE_IN_PROGRESS")

    def delete(self, path, *, params=None):
        self._called("DELETE", path, params)
        self._find(path).update(status="DELETE_IN_PROGRESS")

    # As a test

    def settle(self, name, outcome="COMPLETE", reason=""):
        stack = self.stacks[name]
        action = stack["status"].split("_")[0]
        if (action, outcome) == ("DELETE", "COMPLETE"):
            del self.stacks[name]
        else:
            stack.update(status=f"{action}_{outcome}", reason=reason)

    def parameters(self, name):
        return self.stacks[name]["body"]["parameters"]

    def asked(self, method):
        return [path for called, path, _ in self.calls if called == method]

    def lists(self):
        """Count the lists that look for all stacks of ours."""
        return sum(1 for method, path, query in self.calls if (method, path) == ("GET", "/stacks") and "tags" in query)

    def _called(self, method, path, body):
        self.calls.append((method, path, body))
        if self.error:
            raise self.error

    def _find(self, path):
        _, _, name, identity, *_ = path.split("/")
        if name not in self.stacks or self.stacks[name]["id"] != identity:
            raise NotThere(f"Heat: The Stack ({name}) could not be found.")
        return self.stacks[name]

    @staticmethod
    def _wanted(stack, query):
        tagged = "tags" not in query or query["tags"] in (stack["body"]["tags"] or "").split(",")
        return tagged and ("name" not in query or stack["name"] in query["name"])

    @staticmethod
    def _line(stack):
        return {
            "id": stack["id"],
            "stack_name": stack["name"],
            "stack_status": stack["status"],
            "stack_status_reason": stack["reason"],
            "project": stack["project"],
        }


class ImaginaryContext:
    """As much of a driver's context as stacks need, with a ledger."""

    def __init__(self, cluster="5d12f6fd-a196-4bf0-ae4c-1f639a523a52", operation="operation"):
        self.cluster = SimpleNamespace(uuid=cluster, project_id=PROJECT, trust_id="trust", name="web")
        self.operation = SimpleNamespace(uuid=operation)
        self.guarded = []
        self.rows = {}

    @contextlib.contextmanager
    def provider_call(self, what, *, timeout):
        self.guarded.append((what, timeout))
        yield

    def attempt(self, kind, name):
        row = self.rows.get(name)
        if row is None or row.state is ResourceState.GONE:
            row = self._row(kind, name, ResourceState.ATTEMPTED)
        return row

    def confirm(self, resource, provider_id):
        self._row(resource.kind, resource.name, ResourceState.PRESENT, provider_id)

    def gone(self, resource):
        self._row(resource.kind, resource.name, ResourceState.GONE)

    def resources(self, kind=None):
        return tuple(row for row in self.rows.values() if kind in (None, row.kind))

    def _row(self, kind, name, state, provider_id=None):
        self.rows[name] = CloudResource(
            id=len(self.rows),
            cluster_uuid=self.cluster.uuid,
            kind=kind,
            name=name,
            state=state,
            provider_id=provider_id,
            attempted_at=1,
        )
        return self.rows[name]
