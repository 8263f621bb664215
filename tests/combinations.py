"""Choices that are to be tried with each other: every pair of values in few rows, or every row there is."""

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

EVERY = os.environ.get("MAGNUM_EVERY_COMBINATION") == "1"
Row = dict[str, Any]


def combinations(choices: Mapping[str, Sequence[Any]]) -> list[Row]:
    """Give rows in which every pair of values is met; with MAGNUM_EVERY_COMBINATION=1 all rows."""
    return every(choices) if EVERY else pairs(choices)


def every(choices: Mapping[str, Sequence[Any]]) -> list[Row]:
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


def pairs(choices: Mapping[str, Sequence[Any]]) -> list[Row]:
    """Take, again and again, the row with most pairs that have not been met; always the same rows."""
    left = {pair for row in every(choices) for pair in _pairs_of(row)}
    candidates, rows = every(choices), []
    while left:
        best = max(candidates, key=lambda row: len(left & _pairs_of(row)))
        rows.append(best)
        left -= _pairs_of(best)
    return rows


def _pairs_of(row: Row) -> set[tuple[tuple[str, Any], ...]]:
    return set(itertools.combinations(row.items(), 2))
