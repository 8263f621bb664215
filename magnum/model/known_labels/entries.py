"""What is known of a label, and short ways to write it down.

Defaults are those of the drivers that clusters of the existing service were made with; a driver of our own says in its
spec which labels it honours, and their defaults there.
"""

import msgspec

from magnum.model.label_kinds import Kind

COREOS, ATOMIC, CONTAINER_LINUX = "k8s_fedora_coreos_v1", "k8s_fedora_atomic_v1", "k8s_coreos_v1"
IRONIC, SWARM, SWARM_MODE, MESOS = (
    "k8s_fedora_ironic_v1",
    "swarm_fedora_atomic_v1",
    "swarm_fedora_atomic_v2",
    "mesos_ubuntu_v1",
)


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """One label. `effect` says what it does where a driver honours it; `since` and `until` are releases, where known.

    A `secret` one is never shown in a text of ours.
    """

    name: str
    kind: Kind
    effect: str
    defaults: dict[str, str] = {}
    since: str = ""
    until: str = ""
    secret: bool = False


def label(name: str, kind: Kind, effect: str, defaults: dict[str, str] | None = None, **more: str | bool) -> Label:
    return Label(name=name, kind=kind, effect=effect, defaults=defaults or {}, **more)  # type: ignore[arg-type]


def fedora(coreos: str, atomic: str | None = None) -> dict[str, str]:
    """Give the defaults of a label that both drivers for Fedora know; they are the same unless said."""
    return {COREOS: coreos, ATOMIC: coreos if atomic is None else atomic}


def everywhere(coreos: str, atomic: str | None = None, container_linux: str | None = None) -> dict[str, str]:
    """Give the defaults of a label that Container Linux knows too."""
    return fedora(coreos, atomic) | {CONTAINER_LINUX: coreos if container_linux is None else container_linux}
