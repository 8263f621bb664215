"""`coe cluster event list` and `coe cluster operation list`."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from osc_lib.command import command

from .service import Service

_EVENT_COLUMNS = ("created_at", "level", "kind", "text")
_MORE_EVENT_COLUMNS = ("id", "operation_uuid", "request_id")
_OPERATION_COLUMNS = ("created_at", "kind", "state", "step", "steps", "attempts", "next_attempt_at", "waits_for")
_MORE_OPERATION_COLUMNS = ("uuid", "finished_at", "deadline_at", "error_code", "reason", "request_id")

Table = tuple[Sequence[str], Iterator[tuple[Any, ...]]]


class _List(command.Lister):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("cluster", metavar="<cluster>", help="Name or UUID of the cluster")
        parser.add_argument("--limit", metavar="<number>", type=at_least_one, help="Show no more than this many")
        parser.add_argument("--long", action="store_true", help="Show all that is known of each")
        return parser

    def items(self, arguments: argparse.Namespace, name: str, **query: str) -> Iterator[dict[str, Any]]:
        service = Service(self.app.client_manager)
        uuid = service.find(arguments.cluster)["uuid"]
        return service.pages(f"/v1/clusters/{uuid}/{name}", name, limit=arguments.limit, **query)


class ListEvents(_List):
    """List what happened to a cluster, when and why; the oldest first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--newest-first", action="store_true", help="Begin with what happened last")
        parser.add_argument("--after", metavar="<id>", help="Show what came after the event with this id")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        query = {"sort_dir": "desc"} if parsed_args.newest_first else {}
        if parsed_args.after is not None:
            query["marker"] = parsed_args.after
        columns = _EVENT_COLUMNS + (_MORE_EVENT_COLUMNS if parsed_args.long else ())
        return columns, (_row(event, columns) for event in self.items(parsed_args, "events", **query))


class ListOperations(_List):
    """List what is being done to a cluster and what was done, the newest first."""

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        columns = _OPERATION_COLUMNS + (_MORE_OPERATION_COLUMNS if parsed_args.long else ())
        found = (
            item | {"steps": f"{item['steps_done']}/{item['steps_total']}", "waits_for": item["blocked_by"]}
            for item in self.items(parsed_args, "operations")
        )
        return columns, (_row(item, columns) for item in found)


def at_least_one(text: str) -> int:
    """Read a number as argparse wants it."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def _row(item: dict[str, Any], columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple(item[column] for column in columns)
