"""What we ask of Heat: stacks made, changed, deleted, previewed, read and listed; its answers typed.

A stack is always spoken of by name and id, as Heat answers a name or an id alone with a redirection to both, under the
address that it believes to have. All that a caller sends is the whole stack: no part of an earlier one is kept.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from .errors import NotThere, Unanswered

if TYPE_CHECKING:
    from .calls import CloudService  # its library is loaded only where there is a Keystone

Json = Any
T = TypeVar("T")
DEEPEST = 5
"""How many levels of stacks in stacks there are at most; Heat's own default."""


class Stack(
    msgspec.Struct,
    frozen=True,
    rename={"name": "stack_name", "status": "stack_status", "reason": "stack_status_reason", "updated": "updated_time"},
):
    """A line of a list. `status` is as in CREATE_COMPLETE; `project` is said by a list over all projects alone.

    `updated` is when it was last asked to be changed, if ever: another text after each time.
    """

    id: str
    name: str
    status: str
    reason: str | None = None
    project: str | None = None
    updated: str | None = None

    @property
    def path(self) -> str:
        return f"/stacks/{self.name}/{self.id}"

    @property
    def in_progress(self) -> bool:
        return self.status.endswith("_IN_PROGRESS")

    @property
    def complete(self) -> bool:
        return self.status.endswith("_COMPLETE")


class StackDetails(msgspec.Struct, frozen=True):
    """A stack as it is. Parameters are texts, json ones too; hidden ones are stars. Outputs may be null."""

    stack: Stack
    parameters: dict[str, str]
    outputs: dict[str, Json]


class StackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A stack as it is to be. `template` is HOT as a value, `files` are texts by the names that templates use."""

    name: str
    template: dict[str, Json]
    files: Mapping[str, str]
    parameters: Mapping[str, Json]
    timeout_minutes: int
    tags: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"StackRequest({self.name})"


class StackResource(
    msgspec.Struct,
    frozen=True,
    rename={
        "name": "resource_name",
        "type": "resource_type",
        "status": "resource_status",
        "reason": "resource_status_reason",
        "physical_id": "physical_resource_id",
    },
):
    """`physical_id` is the service's own id, and that of the inner stack where the resource is one."""

    name: str
    type: str
    status: str
    reason: str | None = None
    physical_id: str | None = None
    parent_resource: str | None = None
    links: tuple[dict[str, str], ...] = ()

    def linked(self, relation: str) -> str | None:
        """Give the id of the stack that it is in ("stack"), or that it is itself ("nested")."""
        found = next((link["href"] for link in self.links if link.get("rel") == relation), None)
        return found.rsplit("/", 1)[-1] if found else None


class Heat:
    """All calls raise CloudError."""

    def __init__(self, service: "CloudService") -> None:
        self._service = service

    def list(self, *, tag: str | None = None, names: Sequence[str] = (), everywhere: bool = False) -> tuple[Stack, ...]:
        """List stacks, of the caller's project or of all; those with one of the names, or with the tag."""
        query = {"tags": tag, "name": list(names) or None, "global_tenant": "true" if everywhere else None}
        return _typed(self._service.get("/stacks", params=query), "stacks", tuple[Stack, ...])

    def find(self, name: str) -> Stack | None:
        """Find a stack of the caller's project by its name; one that is deleted is not there."""
        return next((stack for stack in self.list(names=(name,)) if stack.name == name), None)

    def show(self, stack: Stack, *, outputs: bool = True) -> StackDetails | None:
        """Outputs are reckoned anew each time; say if they are not needed."""
        query = None if outputs else {"resolve_outputs": "false"}
        try:
            answer = self._service.get(stack.path, params=query)
        except NotThere:
            return None
        found = _typed(answer, "stack", dict[str, Json])
        now = _typed(answer, "stack", Stack)
        if now.status == "DELETE_COMPLETE":
            return None
        values = {line["output_key"]: line.get("output_value") for line in found.get("outputs") or ()}
        return StackDetails(now, found.get("parameters") or {}, values)

    def create(self, request: StackRequest) -> str:
        """Begin to make a stack, and give its id. A name that exists is refused with 409."""
        answer = self._service.post("/stacks", {"stack_name": request.name, **_body(request)})
        identity: str = _typed(answer, "stack", dict[str, Json])["id"]
        return identity

    def update(self, stack: Stack, request: StackRequest) -> None:
        """Begin to make a stack what the request says. While it is changing already this is refused with 409."""
        self._service.put(stack.path, _body(request))

    def delete(self, stack: Stack) -> None:
        """Begin to delete a stack; one that is gone is fine."""
        try:
            self._service.delete(stack.path)
        except NotThere:
            return

    def preview(self, request: StackRequest) -> Json:
        """Say what resources a stack would have: inner stacks are lists in the list."""
        answer = self._service.post("/stacks/preview", {"stack_name": request.name, **_body(request)})
        return _typed(answer, "stack", dict[str, Json])["resources"]

    def validate(self, request: StackRequest) -> Json:
        """Give the parameters as Heat has understood them. What is wrong is refused with 400."""
        body = {"template": request.template, "files": dict(request.files), "parameters": dict(request.parameters)}
        return self._service.post("/validate", body)

    def resources(self, stack: Stack, *, depth: int = DEEPEST) -> tuple[StackResource, ...]:
        """List the resources of a stack, and of the stacks in it."""
        answer = self._service.get(f"{stack.path}/resources", params={"nested_depth": depth})
        return _typed(answer, "resources", tuple[StackResource, ...])


def _body(request: StackRequest) -> dict[str, Json]:
    return {
        "template": request.template,
        "files": dict(request.files),
        "parameters": dict(request.parameters),
        "timeout_mins": request.timeout_minutes,
        "tags": ",".join(request.tags) or None,
        "disable_rollback": True,
    }


def _typed(answer: Json, name: str, kind: type[T]) -> T:
    try:
        return msgspec.convert(answer[name], kind)
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise Unanswered(f"Heat answered something that makes no sense: {error}") from None
