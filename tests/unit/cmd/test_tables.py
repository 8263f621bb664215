"""The formats that operators' scripts read."""

import csv
import json

import yaml

from magnum.cmd.tables import FORMATS

COLUMNS = ["Name", "OS"]
ROWS = [["fake", "any, really"], ["local_swarm", 'the "stable" one']]


def test_a_table_is_aligned():
    lines = FORMATS["table"](COLUMNS, ROWS).splitlines()
    assert lines[1] == "| Name        | OS               |"
    assert len({len(line) for line in lines}) == 1


def test_what_is_written_can_be_read_back():
    named = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
    assert json.loads(FORMATS["json"](COLUMNS, ROWS)) == named
    assert yaml.safe_load(FORMATS["yaml"](COLUMNS, ROWS)) == named
    assert list(csv.reader(FORMATS["csv"](COLUMNS, ROWS).splitlines())) == [COLUMNS, *ROWS]


def test_values_stand_alone():
    assert FORMATS["value"](["Name"], [["fake"], ["local_swarm"]]) == "fake\nlocal_swarm"


def test_nothing_is_a_table_too():
    assert FORMATS["table"](["Name"], []).count("\n") == 3
    assert FORMATS["json"](["Name"], []) == "[]"
