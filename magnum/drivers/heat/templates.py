"""The templates of stacks: static files beside this module, and the files of groups of nodes, which are generated.

A group has an entry N-place of place.yaml for every node number N, and an entry N of server.yaml for every node that is
to run (docs/decisions/0015). Nothing that a user wrote stands in a generated file: that goes into parameters. What
place.yaml and server.yaml declare is what a group declares and hands on: what is added there is there for groups too.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

Json = Any
MASTERS, WORKERS = "kube_masters.yaml", "kube_minions.yaml"
CLUSTER, NODEGROUP = "cluster.yaml", "nodegroup.yaml"
PLACE, SERVER = "place.yaml", "server.yaml"
_STATIC = {
    CLUSTER: ("network.yaml", "security_groups.yaml", "load_balancer.yaml", PLACE, SERVER),
    NODEGROUP: (PLACE, SERVER),
}
_OF_A_PLACE: Mapping[str, str] = {"name": '{get_param: [places, "%d"]}'}
_OF_A_SERVER: Mapping[str, str] = {
    "machine": '{get_param: [servers, "%d"]}',
    "own_user_data": '{get_param: [own_user_data, "%d"]}',
    "place": '{get_attr: ["%d-place", place]}',
}
"""The parameters that are other for every node; all others are the group's."""
_OF_A_GROUP: Mapping[str, Json] = {
    "places": {"type": "json"},
    "servers": {"type": "json"},
    "own_user_data": {"type": "json", "hidden": True, "default": {}},
}


@cache
def text(name: str) -> str:
    """Give a static file."""
    return resources.files(__package__).joinpath("templates", name).read_text("utf-8")


def top(name: str, more: Mapping[str, Json]) -> dict[str, Json]:
    """Give the template of a stack, with the parameters that a driver declares beside its own."""
    template: dict[str, Json] = yaml.safe_load(text(name))
    both = more.keys() & template["parameters"].keys()
    if both:
        raise ValueError(f"{name} has these parameters already: {', '.join(sorted(both))}")
    version = str(template["heat_template_version"])  # to YAML this is a date
    return template | {"heat_template_version": version, "parameters": template["parameters"] | dict(more)}


def files(name: str) -> dict[str, str]:
    """Give the static files that the template of a stack needs."""
    return {file: text(file) for file in _STATIC[name]}


def group(places: Collection[int], servers: Collection[int]) -> str:
    """Give the file of a group of nodes, those of `servers` being a part of `places`."""
    if not set(servers) <= set(places):
        raise ValueError(f"These nodes have no place to run at: {sorted(set(servers) - set(places))}")
    first = min(places, default=None)
    lines = [
        "heat_template_version: 2021-04-16",
        "description: The nodes of a group, made by Magnum. N-place is where node N lives, N its server.",
        "parameters:",
        *_declared(),
        "resources:" if places else "resources: {}",
        *_entries(places, "{}-place", PLACE, _OF_A_PLACE),
        *_entries(servers, "{}", SERVER, _OF_A_SERVER),
        "outputs:",
        *_output("places", ((str(number), f'{{get_attr: ["{number}-place", place]}}') for number in sorted(places))),
        *_output("refs_map", ((str(number), f'{{get_resource: "{number}"}}') for number in sorted(servers))),
        *_list_output("addresses", places, "address"),
        *_list_output("floating_addresses", places, "floating_address"),
        "  first:",
        f"    value: {'{}' if first is None else _attribute(first)}",
    ]
    return "\n".join(lines) + "\n"


@cache
def _parameters(name: str) -> dict[str, dict[str, Json]]:
    found: dict[str, dict[str, Json]] = yaml.safe_load(text(name))["parameters"]
    return found


def _declared() -> Iterable[str]:
    both = _parameters(PLACE) | _parameters(SERVER)
    shared = {name: both[name] for name in both if name not in _OF_A_PLACE and name not in _OF_A_SERVER}
    for name, declaration in sorted((*_OF_A_GROUP.items(), *shared.items())):
        kept = {key: declaration[key] for key in ("type", "hidden", "default") if key in declaration}
        yield f"  {name}: {yaml.safe_dump(kept, default_flow_style=True, width=1000).strip()}"


def _entries(numbers: Collection[int], entry: str, file: str, own: Mapping[str, str]) -> Iterable[str]:
    """Write the first in full; the others say only in what they differ from it, for there may be hundreds."""
    shared = [name for name in _parameters(file) if name not in own]
    anchor = file.removesuffix(".yaml")
    for position, number in enumerate(sorted(numbers)):
        yield f'  "{entry.format(number)}":'
        yield f"    type: {file}"
        if position == 0:
            yield f"    properties: &{anchor}"
            yield from (f"      {name}: {{get_param: {name}}}" for name in shared)
        else:
            yield "    properties:"
            yield f"      <<: *{anchor}"
        yield from (f"      {name}: {value % number}" for name, value in own.items())


def _output(name: str, lines: Iterable[tuple[str, str]]) -> Iterable[str]:
    written = [f'      "{key}": {value}' for key, value in lines]
    yield f"  {name}:"
    yield from ["    value:", *written] if written else ["    value: {}"]


def _list_output(name: str, numbers: Collection[int], attribute: str) -> Iterable[str]:
    written = [f"      - {_attribute(number, attribute)}" for number in sorted(numbers)]
    yield f"  {name}:"
    yield from ["    value:", *written] if written else ["    value: []"]


def _attribute(number: int, *path: str) -> str:
    return "{get_attr: [" + ", ".join((f'"{number}-place"', "place", *path)) + "]}"
