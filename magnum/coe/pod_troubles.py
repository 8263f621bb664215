"""Why pods of an add-on do not run, for whoever has to mend it: the pod, its image, what the registry said.

A container that waits for its turn, or is being made, is no trouble. The registry's own words are in events of the pod;
between two tries its state says no more than that there will be another.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from magnum.addons.rendering import Addon
from magnum.coe.kubernetes_values import KubernetesPod, ObjectName, Waiting

LONGEST = 300
"""Characters of what a registry or a kubelet says that are told."""
_WRAPPING = re.compile(
    r'Failed to pull image "[^"]*": |rpc error: code = \w+ desc = |failed to pull and unpack image "[^"]*": '
    r'|failed to resolve reference "[^"]*": |failed to do request: |(?:Head|Get) "[^"]*": '
)


class Cluster(Protocol):
    """As much of `KubernetesClient` as is used here."""

    def pods_with(self, namespace: str, labels: Mapping[str, str]) -> tuple[KubernetesPod, ...]: ...

    def failures_of(self, pod: KubernetesPod) -> tuple[str, ...]: ...


class Trouble(msgspec.Struct, frozen=True):
    """A pod that does not run. `lacks_image`: because nobody gave it an image."""

    pod: KubernetesPod
    waiting: Waiting
    said: str

    @property
    def lacks_image(self) -> bool:
        return self.waiting.lacks_image

    def __str__(self) -> str:
        where = f"{self.pod.path} on {self.pod.node}"
        if self.lacks_image:
            return f"{where} cannot get its image {self.waiting.image}: {self.said}"
        return f"{where} does not run: {self.said}"


def troubles(cluster: Cluster, addon: Addon) -> tuple[Trouble, ...]:
    """Look at all pods of an add-on."""
    return tuple(
        Trouble(pod, waiting, _said(cluster, pod, waiting))
        for namespace, labels in _selectors(addon)
        for pod in cluster.pods_with(namespace, labels)
        if not pod.terminating
        for waiting in pod.waiting[:1]
    )


def sentence(found: Iterable[Trouble]) -> str:
    """Tell one trouble, and how many pods have others: they are mostly the same on each node."""
    first, *others = found
    more = f" (and {len(others)} more)" if others else ""
    return f"{first}{more}"


def _selectors(addon: Addon) -> Iterator[tuple[str, Mapping[str, str]]]:
    for manifest in addon.objects:
        if manifest["kind"] in ("Deployment", "DaemonSet"):
            labels: Mapping[str, Any] = manifest["spec"]["selector"]["matchLabels"]
            yield ObjectName.of(manifest).namespace, labels


def _said(cluster: Cluster, pod: KubernetesPod, waiting: Waiting) -> str:
    told = [waiting.message]
    if waiting.lacks_image:
        told = [*(text for text in cluster.failures_of(pod) if waiting.image in text), waiting.message]
    plain = (_WRAPPING.sub("", text).strip() for text in told)
    return next(filter(None, plain), waiting.reason)[:LONGEST]
