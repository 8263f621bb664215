"""magnum-driver-manage: which drivers are installed, what kinds of clusters they make, and which labels there are.

But for `images` it reads no configuration: it knows drivers that `[drivers] disabled_drivers` may well disable.
"""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from magnum.conf.settings import Settings
from magnum.drivers.base import DriverSpec
from magnum.drivers.registry import DriverNotFound, Registry

from . import images, label_page
from .programs import program
from .tables import FORMATS


@program("magnum-driver-manage")
def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.command == "labels":
        print(label_page.page(Registry.load(Settings()).specs()), end="")
        return 0
    if options.command == "images":
        return _list_images(options)
    return _list_drivers(options)


def _list_images(options: argparse.Namespace) -> int:
    try:
        rows = images.rows(options.template, options.config_file)
    except (ValueError, DriverNotFound) as error:
        print(f"magnum-driver-manage: {error}", file=sys.stderr)
        return 1
    print(FORMATS[options.format](images.COLUMNS, rows))
    return 0


def _list_drivers(options: argparse.Namespace) -> int:
    columns, rows = _rows(Registry.load(Settings()).specs(), details=options.details, paths=options.paths)
    wanted = options.column or columns
    if unknown := sorted({*wanted, *options.sort_column} - {*columns}):
        _parser().error(f"no such column: {', '.join(unknown)}; there are: {', '.join(columns)}")
    for column in reversed(options.sort_column):
        rows.sort(key=lambda row: row[columns.index(column)])
    shown = [columns.index(column) for column in wanted]
    print(FORMATS[options.format](wanted, [[row[index] for index in shown] for row in rows]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="magnum-driver-manage")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list-drivers", help="List the drivers that are installed.")
    listing.add_argument("-d", "--details", action="store_true", help="one row for each kind of cluster")
    listing.add_argument("-p", "--paths", action="store_true", help="show where the driver's files are")
    listing.add_argument("-f", "--format", choices=sorted(FORMATS), default="table")
    listing.add_argument("-c", "--column", action="append", metavar="COLUMN", help="show this column; repeatable")
    listing.add_argument("--sort-column", action="append", default=[], metavar="COLUMN", help="repeatable")
    pulled = commands.add_parser("images", help="List the images and files that a cluster of a template gets.")
    pulled.add_argument("--template", required=True, metavar="TEMPLATE", help="name or UUID of a cluster template")
    pulled.add_argument("--config-file", action="append", default=[], metavar="PATH", help="repeatable")
    pulled.add_argument("-f", "--format", choices=sorted(FORMATS), default="table")
    commands.add_parser("labels", help="Print the page on labels, docs/labels.md.")
    return parser


def _rows(specs: Sequence[DriverSpec], *, details: bool, paths: bool) -> tuple[list[str], list[list[str]]]:
    columns = ["Name", *(["Server_Type", "OS", "COE"] if details else []), *(["Template Path"] if paths else [])]
    rows: list[list[str]] = []
    for spec in specs:
        path = [_folder(spec)] if paths else []
        if details:
            kinds = sorted(spec.provides, key=lambda kind: (kind.server_type, kind.os, kind.coe))
            rows += [[spec.name, str(kind.server_type), kind.os, str(kind.coe), *path] for kind in kinds]
        else:
            rows.append([spec.name, *path])
    return columns, rows


def _folder(spec: DriverSpec) -> str:
    """Give the folder of the driver's I/O half, without loading it."""
    found = importlib.util.find_spec(spec.driver_path.partition(":")[0])
    return str(Path(found.origin).parent) if found and found.origin else "not found"
