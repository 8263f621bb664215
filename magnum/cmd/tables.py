"""Rows as a table, CSV, JSON, YAML or bare values: the formats that operators' scripts read."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence

import yaml

Columns = Sequence[str]
Rows = Sequence[Sequence[str]]


def _table(columns: Columns, rows: Rows) -> str:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"

    def line(cells: Sequence[str]) -> str:
        return "|" + "|".join(f" {cell:<{width}} " for cell, width in zip(cells, widths, strict=True)) + "|"

    return "\n".join([rule, line(columns), rule, *(line(row) for row in rows), rule])


def _csv(columns: Columns, rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerows([columns, *rows])
    return text.getvalue().rstrip("\n")


def _json(columns: Columns, rows: Rows) -> str:
    return json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=2)


def _yaml(columns: Columns, rows: Rows) -> str:
    return yaml.safe_dump([dict(zip(columns, row, strict=True)) for row in rows], sort_keys=False).rstrip("\n")


def _value(_columns: Columns, rows: Rows) -> str:
    return "\n".join(" ".join(row) for row in rows)


FORMATS: Mapping[str, Callable[[Columns, Rows], str]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "yaml": _yaml,
    "value": _value,
}
