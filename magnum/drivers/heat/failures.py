"""Why a stack failed, out of the resources of the stacks in it, as in "worker 2: Nova: No valid host was found".

Heat wraps the sentence of a service into one for every level, and names only one of those that failed. Here the
deepest failed resources are looked for, each is told with the node that it belongs to and the service that refused, and
what Heat called off because of them is left out.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from magnum.model.failures import Code, Fatal
from magnum.openstack.heat import Stack, StackResource

MOST_TOLD = 3
LONGEST_SENTENCE = 400
SET_UP = "OS::Heat::WaitCondition"
_GROUPS = {"kube_masters": "master", "kube_minions": "worker"}
_NODE = re.compile(r"(\d+)(-place)?")
_CALLED_OFF = re.compile(
    r"(?:resources[\w.\[\]-]*: )*(?:\w+ aborted\b|Stack \w+ cancell?ed\b|The Stack \(.*\) could not be found)"
)
_OUT_OF_TIME = re.compile(r"timed out", re.IGNORECASE)
_SILENT = "WaitConditionTimeout"
_CAPACITY = re.compile(r"quota|no valid host|not enough|exceeded|no more ip|insufficient", re.IGNORECASE)

# What Heat wraps a sentence in, once for each level: "ResourceInError: resources.group.resources[2]: ".
_WRAPPED = re.compile(r"^(?:\w+(?:\.\w+)*: )?(?:\w+: )?resources(?:\.[\w-]+|\[[\w-]+\])+: ")
_ERROR_STATUS = re.compile(r'^Went to status error due to "(?P<text>.*)"$', re.IGNORECASE | re.DOTALL)
# What is no part of the sentence: the words and figures of protocols.
_NOISE = re.compile(r"^Message: |,? ?Code: \d+$|\s*\((?:HTTP \d+)?\)|\s*\(?Request-ID: [\w-]+\)?|^Error: ")
_REQUEST_IDS = re.compile(r"\s*Neutron server returns request_ids: \[.*?\]")


class Cause(msgspec.Struct, frozen=True):
    """One thing that failed. `role` and `number` are None where it belongs to no node."""

    role: str | None
    number: int | None
    kind: str
    """The type of the resource, as OS::Nova::Server."""
    name: str
    sentence: str

    @property
    def service(self) -> str:
        parts = self.kind.split("::")
        return parts[1] if len(parts) == 3 else "Heat"

    def told(self) -> str:
        whose = f"{self.role} {self.number}: " if self.number is not None else ""
        if self.kind == SET_UP:
            return f"{whose}{self.sentence}"
        thing = "" if self.number is not None else f"{_words(self.kind)} {self.name}: "
        return f"{whose}{self.service}: {thing}{self.sentence}"


def failure(stack: Stack, resources: Sequence[StackResource]) -> Fatal:
    """Tell why a stack failed. Nodes that said so themselves come first: they know best."""
    found = causes(resources)
    if not found:
        return Fatal(
            Code.PROVIDER_REFUSED, f"Heat: the stack {stack.name} is {stack.status}: {_sentence(stack.reason)}"
        )
    told = list(dict.fromkeys(cause.told() for cause in found))
    more = f" (and {len(told) - MOST_TOLD} more)" if len(told) > MOST_TOLD else ""
    return Fatal(_code(found), " ".join(told[:MOST_TOLD]) + more)


def causes(resources: Sequence[StackResource]) -> tuple[Cause, ...]:
    """Find the deepest resources that failed of themselves, those of nodes' own words first."""
    inner = _inner_stacks(resources)
    own = [resource for resource in _deepest(resources) if not _CALLED_OFF.match(resource.reason or "")]
    found = [_cause(resource, inner) for resource in own]
    return tuple(sorted(found, key=lambda cause: (cause.kind != SET_UP, cause.role or "", cause.number or 0)))


def was_called_off(stack: Stack, resources: Sequence[StackResource]) -> bool:
    """Say whether nothing failed of itself: the change came while an earlier, failed one was not at rest yet."""
    out_of_time = _OUT_OF_TIME.search(stack.reason or "")
    return bool(_deepest(resources)) and not causes(resources) and not out_of_time


def failed_nodes(resources: Sequence[StackResource]) -> tuple[frozenset[int], frozenset[int]]:
    """Give the numbers of masters and of workers whose server or set-up is not complete."""
    inner = _inner_stacks(resources)
    numbers: Mapping[str, set[int]] = {"master": set(), "worker": set()}
    for resource in resources:
        entry = _NODE.fullmatch(resource.name)
        role = _role(resource, inner)
        if role and entry and not entry[2] and not resource.status.endswith("_COMPLETE"):
            numbers[role].add(int(entry[1]))
    return frozenset(numbers["master"]), frozenset(numbers["worker"])


def _deepest(resources: Sequence[StackResource]) -> list[StackResource]:
    failed = [resource for resource in resources if resource.status.endswith("_FAILED")]
    outer = {resource.linked("stack") for resource in failed} - {None}
    return [resource for resource in failed if resource.linked("nested") not in outer]


def _inner_stacks(resources: Iterable[StackResource]) -> dict[str, StackResource]:
    """Give the resources that are stacks themselves, by the ids of these."""
    return {nested: resource for resource in resources if (nested := resource.linked("nested"))}


def _role(entry: StackResource, inner: Mapping[str, StackResource]) -> str | None:
    """Say whose group an entry like "2" or "2-place" stands in."""
    group = inner.get(entry.linked("stack") or "")
    return _GROUPS.get(group.name) if group else None


def _cause(resource: StackResource, inner: Mapping[str, StackResource]) -> Cause:
    sentence = _set_up(resource.reason) if resource.type == SET_UP else _sentence(resource.reason)
    for entry in (resource, inner.get(resource.linked("stack") or "")):
        if entry and (role := _role(entry, inner)) and (number := _NODE.fullmatch(entry.name)):
            return Cause(role, int(number[1]), resource.type, resource.name, sentence)
    return Cause(None, None, resource.type, resource.name, sentence)


def _sentence(reason: str | None) -> str:
    """Take the service's own words out of Heat's."""
    text = "".join(letter if letter.isprintable() else " " for letter in reason or "")
    text = " ".join(text.split())
    while match := _WRAPPED.match(text):
        text = text[match.end() :]
    if match := _ERROR_STATUS.match(text):
        text = match["text"]
    text = _REQUEST_IDS.sub("", text).strip()
    for _ in range(3):
        text = _NOISE.sub("", text).strip()
    return _ended(text or "it gives no reason")


def _set_up(reason: str | None) -> str:
    if (reason or "").startswith(_SILENT):
        return "it did not say in time how its set-up went; its console may tell why."
    return f"its set-up failed: {_sentence(reason)}"


def _ended(text: str) -> str:
    text = text if len(text) <= LONGEST_SENTENCE else f"{text[:LONGEST_SENTENCE]}…"
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _words(kind: str) -> str:
    """Make "security group" of OS::Neutron::SecurityGroup."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.rsplit("::", maxsplit=1)[-1]).lower()


def _code(found: Sequence[Cause]) -> Code:
    if any(cause.kind == SET_UP for cause in found):
        return Code.NODE_STEP
    return Code.CAPACITY if any(_CAPACITY.search(cause.sentence) for cause in found) else Code.PROVIDER_REFUSED
