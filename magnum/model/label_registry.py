"""The registry of labels: which have a meaning, and which values are good ones.

A label that nobody knows is kept, for drivers of others may know it, and its owner is told of one that looks like it. A
bad value of a known one is refused. Which labels take effect is data of the driver's spec, as are their defaults there;
the others are kept and without effect.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .known_labels import addons, cluster, network, storage, swarm_and_mesos
from .known_labels.entries import Label

THEMES: Mapping[str, tuple[Label, ...]] = {
    "Versions, images and the control plane": cluster.LABELS,
    "Networks": network.LABELS,
    "Volumes": storage.LABELS,
    "Add-ons": addons.LABELS,
    "Swarm and Mesos": swarm_and_mesos.LABELS,
}
REGISTRY: Mapping[str, Label] = {label.name: label for labels in THEMES.values() for label in labels}
_SHOWN = 64
_TOLD = 10
"""Of more unknown labels than these, only their number is told: looking for names like theirs takes time."""


def problems(labels: Mapping[str, str], kept: Mapping[str, str] | None = None) -> list[str]:
    """Give a sentence for each known label with a bad value: which, what it is, and what is allowed.

    Nobody is told of what was so before, which `kept` says: an adopted row may hold anything, and be changed otherwise.
    """
    if labels == kept:
        return []
    found = {name: sentence for name, text in labels.items() if text and (sentence := _problem(name, text))}
    if found:
        return [sentence for name, sentence in found.items() if (kept or {}).get(name) != labels[name]]
    return [sentence for rule in _RULES if (sentence := rule(labels))]


def unknown(labels: Iterable[str], honoured: Iterable[str] = ()) -> list[str]:
    """Give a sentence for each label that neither the registry nor the driver, which honours these, has heard of."""
    known = {*REGISTRY, *honoured}
    names = sorted(name for name in labels if name not in known)
    sentences = [f"No label is called {_shown(name)}: it has no effect.{_hint(name, known)}" for name in names[:_TOLD]]
    more = len(names) - _TOLD
    return [*sentences, f"So it is with {more} more labels."] if more > 0 else sentences


def without_effect(labels: Iterable[str], honoured: Iterable[str]) -> list[str]:
    """Give those labels that are known, but not to the driver, which honours these."""
    return sorted(name for name in labels if name in REGISTRY and name not in honoured)


def read(labels: Mapping[str, str], name: str, default: str) -> Any:
    """Give what a known label means, as its kind has it, or else the default; None when there is neither.

    A row of an adopted database may hold a bad value, which nobody has judged: raises ValueError, with a sentence.
    """
    text = labels.get(name) or default
    if not text:
        return None
    if sentence := _problem(name, text):
        raise ValueError(sentence)
    return REGISTRY[name].kind.read(text)


def _problem(name: str, text: str) -> str | None:
    label = REGISTRY.get(name)
    if label is None:
        return None
    try:
        label.kind.read(text)
    except ValueError:
        example = f" An example is {label.kind.example}." if label.kind.example else ""
        given = "" if label.secret else f" It is {_shown(text)!r}."
        return f"The label {name} must be {label.kind.allowed}.{given}{example}"
    return None


def _subnets_fit(labels: Mapping[str, str]) -> str | None:
    """A node's part of the range has to be smaller than the range."""
    whole = read(labels, "flannel_network_cidr", "10.100.0.0/16")
    length = read(labels, "flannel_network_subnetlen", "")
    if length is None or length > whole.prefixlen:
        return None
    return (
        f"The label flannel_network_subnetlen must be more than {whole.prefixlen}, the prefix of flannel_network_cidr, "
        f"not {length}."
    )


def _bounds_fit(labels: Mapping[str, str]) -> str | None:
    least, most = read(labels, "min_node_count", ""), read(labels, "max_node_count", "")
    if least is None or most is None or least <= most:
        return None
    return f"The label max_node_count must be at least min_node_count, {least}, not {most}."


def _runtime_is_isolated(labels: Mapping[str, str]) -> str | None:
    providers = read(labels, "mesos_slave_image_providers", "") or ()
    if "docker" not in providers or swarm_and_mesos.RUNTIME in (read(labels, "mesos_slave_isolation", "") or ()):
        return None
    return (
        f"The label mesos_slave_image_providers with docker needs {swarm_and_mesos.RUNTIME} in mesos_slave_isolation."
    )


_RULES: tuple[Callable[[Mapping[str, str]], str | None], ...] = (_subnets_fit, _bounds_fit, _runtime_is_isolated)


def _hint(name: str, known: Iterable[str]) -> str:
    alike = difflib.get_close_matches(name[:_SHOWN].lower(), sorted(known), n=1, cutoff=0.75)
    return f" Did you mean {alike[0]}?" if alike else ""


def _shown(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable if len(printable) <= _SHOWN else f"{printable[:_SHOWN]}…"
