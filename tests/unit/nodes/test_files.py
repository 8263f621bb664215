import subprocess
from pathlib import Path

import pytest

import magnum.nodes.files
from magnum.nodes.data import Platform
from magnum.nodes.files import PROGRAM, data_files, node_files, program_files


def test_the_program_comes_with_the_steps_of_one_kind_of_cluster():
    paths = [file.path for file in program_files("swarm-mode")]
    assert paths[0] == "/etc/systemd/system/magnum-node.service"
    assert {f"{PROGRAM}/bootstrap", f"{PROGRAM}/report", f"{PROGRAM}/lib/node.sh"} < set(paths)
    assert f"{PROGRAM}/steps/swarm-mode/10-check-image" in paths
    assert all(path.startswith((PROGRAM, "/etc/systemd/system/")) for path in paths)


def test_the_unit_runs_the_program_from_where_it_is_put():
    unit, *programs = program_files("swarm-mode")
    assert f"ExecStart=/bin/bash {PROGRAM}/bootstrap\n" in unit.content.decode()
    assert f"{PROGRAM}/bootstrap" in [file.path for file in programs]


@pytest.mark.parametrize("platform", Platform)
def test_scripts_come_without_comments_and_lack_nothing_else(platform):
    source = Path(magnum.nodes.files.__file__).parent / "program"
    for file in program_files("kubernetes", platform):
        if not file.path.startswith(PROGRAM):
            continue
        name = file.path.rpartition("/")[2]
        texts = [path.read_text().splitlines() for path in source.rglob(name)]
        kept = [[line for line in text if line[:2] == "#!" or line.strip()[:1] != "#"] for text in texts]
        assert file.content.decode().splitlines() in kept
        checked = subprocess.run(["/bin/bash", "-n"], input=file.content, capture_output=True, check=False)
        assert checked.returncode == 0, (file, checked.stderr)


def test_there_is_no_program_for_an_unknown_kind():
    with pytest.raises(ValueError, match="no steps for 'mesos'"):
        program_files("mesos")


def test_data_is_for_root_only_and_not_shown(make_data):
    files = data_files(make_data())
    assert {file.mode for file in files} == {0o600}
    assert "secret" not in repr(files)


def test_the_same_data_gives_the_same_files(make_data):
    assert node_files(make_data()) == node_files(make_data())
    assert node_files(make_data()) != node_files(make_data(node_name="web-2"))
