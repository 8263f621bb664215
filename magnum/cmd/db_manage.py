"""magnum-db-manage: make the database, migrate it, and say how far it is.

Status 0: done; 1: it could not be done, or `check` found something; 2: wrong arguments.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oslo_config import cfg

from magnum.conf.settings import declare_options, load_settings
from magnum.db import migrate

from .programs import program, set_up_process


def _version(url: str, _options: Any) -> int:
    print(f"Current revision: {migrate.version(url)}")
    return 0


def _upgrade(url: str, options: Any) -> int:
    migrate.upgrade(url, options.revision)
    return _version(url, options)


def _stamp(url: str, options: Any) -> int:
    migrate.stamp(url, options.revision)
    return _version(url, options)


def _revision(_url: str, options: Any) -> int:
    path = migrate.revision(options.message, contract=options.contract, autogenerate=options.autogenerate)
    print(f"Written: {path}")
    return 0


def _history(url: str, _options: Any) -> int:
    for revision in migrate.history(url):
        state = "applied" if revision.applied else "to come"
        print(f"{revision.number}  {state}  {revision.message}")
    return 0


def _check(url: str, _options: Any) -> int:
    missing = migrate.check(url)
    print("\n".join(missing) or "The database is as this release needs it.")
    return 1 if missing else 0


COMMANDS: Mapping[str, Callable[[str, Any], int]] = {
    "version": _version,
    "upgrade": _upgrade,
    "stamp": _stamp,
    "revision": _revision,
    "history": _history,
    "check": _check,
}


def _declare_commands(parsers: Any) -> None:
    def add(name: str, help_text: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = parsers.add_parser(name, help=help_text)
        return parser

    add("version", "Print the revision that the database is at.")
    add("upgrade", "Bring the database to a revision.").add_argument("revision", nargs="?", default="head")
    add("stamp", "Record a revision without migrating.").add_argument("revision")
    add("history", "List all revisions.")
    add("check", "Say what this release misses in the database.")
    revision = add("revision", "Write a new revision; for developers.")
    revision.add_argument("-m", "--message", default="")
    revision.add_argument("--autogenerate", action="store_true", help="fill it with what differs from the tables")
    revision.add_argument("--contract", action="store_true", help="it removes what no release in use needs")


@program("magnum-db-manage")
def main(arguments: Sequence[str]) -> int:
    conf = declare_options()
    conf.register_cli_opt(cfg.SubCommandOpt("command", handler=_declare_commands))
    settings = load_settings(arguments, program="magnum-db-manage", conf=conf)
    set_up_process(settings)
    return COMMANDS[conf.command.name](settings.database.connection, conf.command)
