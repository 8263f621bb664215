"""The page on labels, docs/labels.md, as `magnum-driver-manage labels` prints it.

What stands above the tables is here; the tables come from the registry and from the specs of the installed drivers, so
that the page cannot say anything that the service does not do.
"""

from collections.abc import Iterable, Sequence

from magnum.drivers.base import DriverSpec
from magnum.model.known_labels.entries import Label
from magnum.model.label_registry import REGISTRY, THEMES

_OPENING = """\
# Labels

<!-- Made by `magnum-driver-manage labels`; change magnum/model/known_labels/ and the drivers' specs instead. -->

Labels steer what has no attribute of its own. They stand on cluster templates, clusters and node groups, and are stored
as texts. A cluster without labels has its template's; one with labels has only its own, unless it was made with
`merge_labels`: then its own are laid over the template's. So it is with a node group and its cluster.

* A **bad value** of a label below is refused with 400 that names the label, the value and what is allowed: in a new
  template, cluster or node group, and where a template's labels change. Labels of rows that are there already are shown
  as they are, whatever they hold; they stand in the way of nothing but what is made from them.
* An **empty value** is as good as no label.
* **true or false** may be written `true`, `t`, `1`, `on`, `y`, `yes`, or `false`, `f`, `0`, `off`, `n`, `no`, in small
  or capital letters.
* A label that is **not known** is kept and does nothing. A warning stands among the cluster's events, with the label
  whose name is most like it, and in the log when a template gets it.
* A known label that the cluster's driver **does not honour** is kept and does nothing either.
  `openstack coe cluster plan` says so, as well as which labels are not known.
"""

_TABLES = """
## All labels

The defaults here are those of the drivers of the existing service, for clusters that come from there:
`k8s_fedora_coreos_v1`, or else the driver that is named. *since* and *until* are releases of it, where they are known.
"""


def page(specs: Iterable[DriverSpec]) -> str:
    parts = [_OPENING, "\n## Labels that take effect\n"]
    parts += [_of_driver(spec) for spec in specs]
    parts.append(_TABLES)
    parts += [_theme(title, labels) for title, labels in THEMES.items()]
    return "".join(parts)


def _of_driver(spec: DriverSpec) -> str:
    if not spec.labels:
        return f"\nOn clusters of `{spec.name}`: none.\n"
    rows = [(f"`{name}`", _code(default), _effect(name)) for name, default in sorted(spec.labels.items())]
    return f"\nOn clusters of `{spec.name}`:\n\n" + _table(("label", "default", "effect"), rows)


def _effect(name: str) -> str:
    return REGISTRY[name].effect if name in REGISTRY else "See the driver's own page."


def _theme(title: str, labels: Sequence[Label]) -> str:
    rows = [(f"`{label.name}`", _values(label), _defaults(label), _effect_and_times(label)) for label in labels]
    return f"\n### {title}\n\n" + _table(("label", "values", "default", "effect"), rows)


def _values(label: Label) -> str:
    example = label.kind.example
    return f"{label.kind.allowed}, as {_code(example)}" if example else label.kind.allowed


def _effect_and_times(label: Label) -> str:
    times = [f"{word} {release}" for word, release in (("since", label.since), ("until", label.until)) if release]
    return f"{label.effect} ({', '.join(times)})" if times else label.effect


def _defaults(label: Label) -> str:
    """Show the first driver's default alone, and of the others those that differ."""
    drivers = iter(label.defaults.items())
    first = next(drivers, None)
    if first is None:
        return ""
    name, default = first
    shown = [_code(default) if name == "k8s_fedora_coreos_v1" else f"{_code(default)} ({name})"]
    shown += [f"{_code(other)} ({name})" for name, other in drivers if other != default]
    return ", ".join(shown)


def _code(value: str) -> str:
    return f"`{value}`" if value else "none"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
