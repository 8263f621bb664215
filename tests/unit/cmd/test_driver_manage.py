"""Which drivers there are, as an operator asks."""

import json
from pathlib import Path

import pytest

from magnum.cmd.driver_manage import main


def rows(capsys, *arguments: str) -> list[dict[str, str]]:
    assert main(["list-drivers", "-f", "json", *arguments]) == 0
    listed: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    return listed


def test_names_alone(capsys):
    assert rows(capsys) == [{"Name": "fake"}, {"Name": "local_swarm"}]


def test_details_have_a_row_for_each_kind_of_cluster(capsys):
    kinds = rows(capsys, "--details")
    assert {"Name": "local_swarm", "Server_Type": "vm", "OS": "debian", "COE": "swarm-mode"} in kinds
    assert len([kind for kind in kinds if kind["Name"] == "fake"]) > 1


def test_paths_are_folders(capsys):
    for row in rows(capsys, "--paths"):
        assert (Path(row["Template Path"]) / "spec.py").exists()


def test_columns_and_order_can_be_chosen(capsys):
    assert main(["list-drivers", "-d", "-f", "value", "-c", "COE", "--sort-column", "COE"]) == 0
    listed = capsys.readouterr().out.split()
    assert listed == sorted(listed)
    assert len(listed) > 2


def test_the_page_on_labels_is_current(capsys):
    assert main(["labels"]) == 0
    page = Path(__file__).parents[3] / "docs" / "labels.md"
    assert page.read_text() == capsys.readouterr().out, "make it anew: magnum-driver-manage labels > docs/labels.md"


@pytest.mark.parametrize("arguments", [[], ["list-drivers", "-c", "Nonsense"], ["list-drivers", "-f", "xml"]])
def test_wrong_arguments_end_with_2(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
