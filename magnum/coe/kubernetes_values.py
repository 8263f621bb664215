"""The values of a Kubernetes cluster, and how its API writes them.

The first half is what our own code reads; the second, with the API's names, ends in it. What the API leaves out is
empty; what is not in here is not read. An object that is written (an add-on's) stays the JSON that it is.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from magnum.model.clocks import MICROSECONDS, Instant

Json = Mapping[str, Any]
_NOT_PULLED = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"})


class ClusterVersion(msgspec.Struct, frozen=True, order=True):
    """What the API server is; `text` is as it says it (`v1.20.2`)."""

    major: int
    minor: int
    text: str = ""


class Readiness(msgspec.Struct, frozen=True):
    """Whether the API server is ready, and which of its checks fail."""

    ready: bool
    failed: tuple[str, ...] = ()


class Taint(msgspec.Struct, frozen=True, order=True):
    key: str
    effect: str
    value: str = ""


class KubernetesNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node. `reason` is why it is not ready, in the kubelet's or the node controller's words; empty when it is."""

    name: str
    uid: str
    created: Instant
    ready: bool
    reason: str
    unschedulable: bool
    kubelet_version: str
    container_runtime: str
    addresses: dict[str, str]
    labels: dict[str, str]
    taints: tuple[Taint, ...]
    pods_network: str = ""
    """Where the addresses of its pods are from, as the API has it."""
    annotations: dict[str, str] = {}
    boot_id: str = ""
    """Another one after each boot of its machine, as told by the kubelet when it was started last."""

    @property
    def internal_address(self) -> str:
        return self.addresses.get("InternalIP", "")


class Waiting(msgspec.Struct, frozen=True):
    """A container that does not run: the image that it is made of, and why, in the kubelet's words."""

    image: str
    reason: str
    message: str = ""

    @property
    def lacks_image(self) -> bool:
        """Whether the image has been asked for and was not given."""
        return self.reason in _NOT_PULLED


class KubernetesPod(msgspec.Struct, frozen=True, kw_only=True):
    """A pod, as far as moving it away asks, and telling why it does not run.

    `owner` is the kind of its controller, empty without one.
    `keeps_local_data` says that it has an emptyDir, whose content is lost when the pod goes; `started`, that something
    of it has run on its node.
    """

    namespace: str
    name: str
    uid: str
    node: str
    owner: str
    phase: str
    ready: bool
    terminating: bool
    mirror: bool
    started: bool
    keeps_local_data: bool
    priority: int
    waiting: tuple[Waiting, ...] = ()

    @property
    def finished(self) -> bool:
        return self.phase in ("Succeeded", "Failed")

    @property
    def stays_with_its_node(self) -> bool:
        """Whether it belongs to the node itself: a static pod, or one that a DaemonSet puts on every node."""
        return self.mirror or self.owner == "DaemonSet"

    @property
    def path(self) -> str:
        return f"{self.namespace}/{self.name}"


class EvictionResult(StrEnum):
    STARTED = "started"
    GONE = "gone"
    BLOCKED = "blocked"


class Eviction(msgspec.Struct, frozen=True):
    """What came of asking a pod to go. Of a blocked one: the PodDisruptionBudget, and the API's sentence."""

    result: EvictionResult
    budget: str = ""
    reason: str = ""


class ObjectName(msgspec.Struct, frozen=True):
    """Which object. `namespace` is empty for what belongs to the whole cluster."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""

    @classmethod
    def of(cls, manifest: Json) -> "ObjectName":
        """Raise ValueError for what cannot be an object."""
        try:
            named = msgspec.convert(manifest, _Named)
        except msgspec.ValidationError as error:
            raise ValueError(f"this is no object of Kubernetes: {error}") from error
        return cls(named.api_version, named.kind, named.metadata.name, named.metadata.namespace)

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"


class _Wire(msgspec.Struct, frozen=True, rename="camel"):
    """As the API writes it; what it leaves out is empty."""


class _NamedMetadata(_Wire, frozen=True):
    name: str
    namespace: str = ""


class _Named(_Wire, frozen=True):
    api_version: str
    kind: str
    metadata: _NamedMetadata


class WireVersion(_Wire, frozen=True):
    major: str
    minor: str
    git_version: str

    def shown(self) -> ClusterVersion:
        return ClusterVersion(_number(self.major), _number(self.minor), self.git_version)


class _Cause(_Wire, frozen=True):
    reason: str = ""
    message: str = ""


class _Details(_Wire, frozen=True):
    causes: list[_Cause] | None = None


class WireStatus(_Wire, frozen=True):
    """The API's answer when there is nothing else to say, above all a refusal."""

    message: str = ""
    reason: str = ""
    details: _Details | None = None

    @property
    def budget(self) -> str | None:
        """Give what it says of the PodDisruptionBudget that is in the way; None when there is none."""
        causes = (self.details and self.details.causes) or []
        return next((cause.message for cause in causes if cause.reason == "DisruptionBudget"), None)


class WireResource(_Wire, frozen=True):
    name: str
    kind: str
    namespaced: bool = False


class WireResources(_Wire, frozen=True):
    resources: list[WireResource] | None = None


class _Owner(_Wire, frozen=True):
    kind: str
    controller: bool = False


class _Metadata(_Wire, frozen=True):
    name: str
    uid: str = ""
    namespace: str = ""
    resource_version: str = ""
    creation_timestamp: datetime = datetime.fromtimestamp(0, UTC)
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None


class _Condition(_Wire, frozen=True):
    type: str
    status: str
    reason: str = ""
    message: str = ""


class _WireTaint(_Wire, frozen=True):
    key: str
    effect: str
    value: str = ""


class _NodeSpec(_Wire, frozen=True):
    unschedulable: bool = False
    taints: list[_WireTaint] | None = None
    pod_cidr: str = msgspec.field(default="", name="podCIDR")


class _NodeInfo(_Wire, frozen=True):
    kubelet_version: str = ""
    container_runtime_version: str = ""
    boot_id: str = msgspec.field(default="", name="bootID")


class _Address(_Wire, frozen=True):
    type: str
    address: str


class _NodeStatus(_Wire, frozen=True):
    conditions: list[_Condition] | None = None
    addresses: list[_Address] | None = None
    node_info: _NodeInfo = _NodeInfo()


class WireNode(_Wire, frozen=True):
    metadata: _Metadata
    spec: _NodeSpec = _NodeSpec()
    status: _NodeStatus = _NodeStatus()

    def shown(self) -> KubernetesNode:
        ready = _condition(self.status.conditions)
        addresses: dict[str, str] = {}
        for address in self.status.addresses or ():
            addresses.setdefault(address.type, address.address)
        return KubernetesNode(
            name=self.metadata.name,
            uid=self.metadata.uid,
            created=int(self.metadata.creation_timestamp.timestamp()) * MICROSECONDS,
            ready=ready.status == "True",
            reason="" if ready.status == "True" else f"{ready.reason}: {ready.message}",
            unschedulable=self.spec.unschedulable,
            kubelet_version=self.status.node_info.kubelet_version,
            container_runtime=self.status.node_info.container_runtime_version,
            addresses=addresses,
            labels=dict(self.metadata.labels or {}),
            taints=tuple(Taint(taint.key, taint.effect, taint.value) for taint in self.spec.taints or ()),
            pods_network=self.spec.pod_cidr,
            annotations=dict(self.metadata.annotations or {}),
            boot_id=self.status.node_info.boot_id,
        )


class _WholeSpec(_Wire, frozen=True):
    taints: list[dict[str, str]] | None = None


class WireWholeNode(_Wire, frozen=True):
    """A node with its taints as they are, to be written back."""

    metadata: _Metadata
    spec: _WholeSpec = _WholeSpec()

    @property
    def taints(self) -> list[dict[str, str]]:
        return [taint for taint in self.spec.taints or () if {"key", "effect"} <= taint.keys()]


class _Volume(_Wire, frozen=True):
    empty_dir: dict[str, Any] | None = None


class _PodSpec(_Wire, frozen=True):
    node_name: str = ""
    volumes: list[_Volume] | None = None
    priority: int = 0


class _ContainerState(_Wire, frozen=True):
    waiting: _Cause | None = None
    running: dict[str, Any] | None = None
    terminated: dict[str, Any] | None = None

    @property
    def has_run(self) -> bool:
        return self.running is not None or self.terminated is not None


class _ContainerStatus(_Wire, frozen=True):
    image: str = ""
    state: _ContainerState = _ContainerState()
    last_state: _ContainerState = _ContainerState()

    @property
    def started(self) -> bool:
        return self.state.has_run or self.last_state.has_run

    @property
    def waits(self) -> Waiting | None:
        """Give why it waits; one whose turn has not come yet waits for nothing of its own."""
        cause = self.state.waiting
        if cause is None or cause.reason in ("", "PodInitializing", "ContainerCreating"):
            return None
        return Waiting(self.image, cause.reason, cause.message)


class _PodStatus(_Wire, frozen=True):
    phase: str = ""
    conditions: list[_Condition] | None = None
    init_container_statuses: list[_ContainerStatus] | None = None
    container_statuses: list[_ContainerStatus] | None = None

    @property
    def containers(self) -> tuple[_ContainerStatus, ...]:
        return (*(self.init_container_statuses or ()), *(self.container_statuses or ()))


class WirePod(_Wire, frozen=True):
    metadata: _Metadata
    spec: _PodSpec = _PodSpec()
    status: _PodStatus = _PodStatus()

    def shown(self) -> KubernetesPod:
        owners = self.metadata.owner_references or ()
        return KubernetesPod(
            namespace=self.metadata.namespace,
            name=self.metadata.name,
            uid=self.metadata.uid,
            node=self.spec.node_name,
            owner=next((owner.kind for owner in owners if owner.controller), ""),
            phase=self.status.phase,
            ready=_condition(self.status.conditions).status == "True",
            terminating=self.metadata.deletion_timestamp is not None,
            mirror="kubernetes.io/config.mirror" in (self.metadata.annotations or {}),
            started=any(container.started for container in self.status.containers),
            keeps_local_data=any(volume.empty_dir is not None for volume in self.spec.volumes or ()),
            priority=self.spec.priority,
            waiting=tuple(waits for container in self.status.containers if (waits := container.waits)),
        )


class WireEvent(_Wire, frozen=True):
    """What a kubelet or controller has to say of an object."""

    message: str = ""


def _condition(conditions: list[_Condition] | None) -> _Condition:
    unknown = _Condition(type="Ready", status="Unknown", reason="NoStatus", message="it has not reported yet")
    return next((condition for condition in conditions or () if condition.type == "Ready"), unknown)


def _number(text: str) -> int:
    """Read a part of a version; some builds write `20+`."""
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else 0
