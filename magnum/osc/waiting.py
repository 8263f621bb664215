"""`coe cluster wait` and `coe cluster retry`: until a cluster has come to rest, telling what happens meanwhile.

Progress goes to the standard error, so what a script reads is the result alone. A cluster that ends in failure ends the
command with 1 and with the reason.
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from osc_lib.command import command
from osc_lib.exceptions import CommandError

from .history import at_least_one
from .service import ClusterGone, Service

_LONGEST_WAIT = 3
"""Seconds for which the service holds one question: as long as progress may be late."""
_PAUSE = 1.0
"""Seconds between questions where the service holds none: it has no room, or does not know how."""


class WaitForCluster(command.Command):
    """Wait until nothing is in progress at a cluster: until it is complete, has failed, or is gone."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("cluster", metavar="<cluster>", help="Name or UUID of the cluster")
        _add_waiting_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        service = Service(self.app.client_manager)
        cluster = service.find(parsed_args.cluster)
        _wait(service, cluster, parsed_args, newest_event(service, cluster["uuid"]))


class RetryCluster(command.Command):
    """Try again what has failed of a cluster, with the arguments that it had."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("cluster", metavar="<cluster>", help="Name or UUID of the cluster")
        parser.add_argument("--wait", action="store_true", help="Wait until it has ended, and show how it goes")
        _add_waiting_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        service = Service(self.app.client_manager)
        cluster = service.find(parsed_args.cluster)
        seen = newest_event(service, cluster["uuid"]) if parsed_args.wait else 0
        service.extension("POST", f"/v1/clusters/{cluster['uuid']}/actions/retry")
        print(f"What has failed of the cluster {cluster['name']} is tried again.")  # noqa: T201  a command talks
        if parsed_args.wait:
            _wait(service, cluster, parsed_args, seen)


def _add_waiting_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeout", metavar="<seconds>", type=at_least_one, help="Give up after so many seconds")
    parser.add_argument("--no-progress", action="store_true", help="Do not show what happens meanwhile")


def newest_event(service: Service, uuid: str) -> int:
    """Give the number of the last event, so that only what comes after it is told."""
    newest = next(service.pages(f"/v1/clusters/{uuid}/events", "events", limit=1, sort_dir="desc"), None)
    return newest["id"] if newest else 0


def _wait(service: Service, cluster: dict[str, Any], arguments: argparse.Namespace, seen: int) -> None:
    name = cluster["name"]
    try:
        ended = until_rest(
            service,
            cluster["uuid"],
            seen=seen,
            timeout=arguments.timeout,
            tell=(lambda _: None) if arguments.no_progress else _tell,
        )
    except ClusterGone:
        print(f"The cluster {name} is gone.")  # noqa: T201
        return
    if ended["status"].endswith("_FAILED"):
        raise CommandError(f"The cluster {name} is {ended['status']}: {ended['status_reason']}")
    print(f"The cluster {name} is {ended['status']}.")  # noqa: T201


def until_rest(
    service: Service,
    uuid: str,
    *,
    seen: int,
    timeout: int | None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Give the cluster once nothing is in progress; tell each event that comes meanwhile, from `seen` on."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        asked_at = time.monotonic()
        left = _LONGEST_WAIT if deadline is None else max(0, min(_LONGEST_WAIT, int(deadline - asked_at)))
        cluster = service.find(uuid, wait=left)
        for event in service.pages(f"/v1/clusters/{uuid}/events", "events", marker=str(seen)):
            seen = event["id"]
            tell(f"{event['created_at']} {event['text']}")
        if not cluster["status"].endswith("_IN_PROGRESS"):
            return cluster
        now = time.monotonic()
        if deadline is not None and now >= deadline:
            reason = cluster["status_reason"] or "nothing more is known."
            raise CommandError(f"After {timeout} s the cluster is still {cluster['status']}: {reason}")
        time.sleep(max(0.0, asked_at + _PAUSE - now))  # no sooner, even if the service had no room to hold us


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201
