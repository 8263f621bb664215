"""`coe cluster plan`: what a new cluster, a resize or an upgrade would do, and why it would be refused.

It changes nothing. A cluster and a number of nodes mean a resize, a cluster and a template an upgrade, a template alone
a new cluster.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from osc_lib.command import command
from osc_lib.exceptions import CommandError

from .service import Service

_NEW = ("name", "master_count", "flavor", "master_flavor", "labels", "merge_labels")
_OF_CLUSTER = ("nodegroup", "nodes_to_remove", "max_batch_size")


class PlanCluster(command.ShowOne):
    """Show what a resize (--node-count), an upgrade (--cluster-template) or a new cluster (no <cluster>) would do."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("cluster", metavar="<cluster>", nargs="?", help="Name or UUID of a cluster")
        parser.add_argument("--node-count", metavar="<number>", type=int, help="How many nodes there are to be")
        template = "Name or UUID of the template of a new cluster, or of the one that the cluster is upgraded to"
        parser.add_argument("--cluster-template", metavar="<template>", help=template)
        there = parser.add_argument_group("to resize or upgrade a cluster")
        there.add_argument("--nodegroup", metavar="<nodegroup>", help="Node group, if not the default one of workers")
        there.add_argument(
            "--nodes-to-remove", metavar="<node>", action="append", help="A node that is to go (may be repeated)"
        )
        there.add_argument("--max-batch-size", metavar="<number>", type=int, help="How many are upgraded at a time")
        new = parser.add_argument_group("to create a cluster")
        new.add_argument("--name", metavar="<name>", help="Its name")
        new.add_argument("--master-count", metavar="<number>", type=int, help="How many masters it is to have")
        new.add_argument("--flavor", metavar="<flavor>", help="Flavor of its nodes")
        new.add_argument("--master-flavor", metavar="<flavor>", help="Flavor of its masters")
        new.add_argument("--labels", metavar="<key=value>", action="append", help="A label (may be repeated)")
        new.add_argument("--merge-labels", action="store_true", default=None, help="Keep the template's other labels")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        service = Service(self.app.client_manager)
        if parsed_args.cluster is None:
            if parsed_args.cluster_template is None:
                raise CommandError("Name a cluster, or a --cluster-template to create one from.")
            _refuse(parsed_args, _OF_CLUSTER, "is about a cluster that is there")
            plan = service.extension("POST", "/v1/clusters/actions/plan", _new_cluster(parsed_args))
        else:
            _refuse(parsed_args, _NEW, "is about a new cluster")
            change = _change(parsed_args)
            uuid = service.find(parsed_args.cluster)["uuid"]
            plan = service.extension("POST", f"/v1/clusters/{uuid}/actions/plan", change)
        return tuple(zip(*_lines(plan), strict=True))  # type: ignore[return-value]  # names and values


def _refuse(arguments: argparse.Namespace, names: Sequence[str], why: str) -> None:
    for name in names:
        if getattr(arguments, name) is not None:
            raise CommandError(f"--{name.replace('_', '-')} {why}.")


def _change(arguments: argparse.Namespace) -> dict[str, Any]:
    """Say what is planned of a cluster that is there."""
    if (arguments.node_count is None) == (arguments.cluster_template is None):
        raise CommandError("Say either --node-count, to resize the cluster, or --cluster-template, to upgrade it.")
    if arguments.node_count is not None:
        _refuse(arguments, ("max_batch_size",), "is about an upgrade")
        resize = _given(
            node_count=arguments.node_count,
            nodegroup=arguments.nodegroup,
            nodes_to_remove=arguments.nodes_to_remove,
        )
        return {"resize": resize}
    _refuse(arguments, ("nodes_to_remove",), "is about a resize")
    upgrade = _given(
        cluster_template=arguments.cluster_template,
        nodegroup=arguments.nodegroup,
        max_batch_size=arguments.max_batch_size,
    )
    return {"upgrade": upgrade}


def _new_cluster(arguments: argparse.Namespace) -> dict[str, Any]:
    return _given(
        cluster_template_id=arguments.cluster_template,
        name=arguments.name,
        node_count=arguments.node_count,
        master_count=arguments.master_count,
        flavor_id=arguments.flavor,
        master_flavor_id=arguments.master_flavor,
        labels=None if arguments.labels is None else _labels(arguments.labels),
        merge_labels=arguments.merge_labels,
    )


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _labels(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    wrong = [key for key, equals, _ in pairs if not key or not equals]
    if wrong:
        raise CommandError(f"--labels takes KEY=VALUE, not {wrong[0]}.")
    return {key: value for key, _, value in pairs}


def _lines(plan: dict[str, Any]) -> list[tuple[str, Any]]:
    lines = [("change", plan["change"]), ("accepted", plan["accepted"])]
    lines += [(name, "\n".join(plan[name])) for name in ("refusals", "warnings", "waits_for") if plan[name]]
    lines += [(f"nodes of {group['name']}", _group(group)) for group in plan["nodegroups"]]
    quota = plan["quota"]
    text = f"{quota['used']} of {quota['limit']} are used, {quota['headroom_after']} can still come after this"
    return [*lines, ("quota of clusters", text)]


def _group(group: dict[str, Any]) -> str:
    parts = [f"{group['current']} -> {group['wanted']}"]
    if group["added"]:
        parts.append(f"{group['added']} added")
    parts += [f"{name}: {', '.join(group[name])}" for name in ("replaced", "removed", "upgraded") if group[name]]
    if group["labels"]:
        parts.append(f"labels: {', '.join(f'{name}={value}' for name, value in sorted(group['labels'].items()))}")
    if group["undecided"]:
        parts.append(f"{group['undecided']} removed, idle ones first")
    return "; ".join(parts)
