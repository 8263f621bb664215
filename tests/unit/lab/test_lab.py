import configparser
import stat
from pathlib import Path

import pytest
import yaml

from lab import configuration, services
from lab.clouds import write_clouds
from lab.control_plane import ControlPlane
from lab.settings import SERVERS, LabError, open_lab
from magnum.conf.settings import load_settings

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def lab(tmp_path):
    return open_lab(tmp_path / "lab", Path("/programs"), CHECKOUT, 7000)


def test_a_lab_keeps_its_ports_and_passwords(lab):
    again = open_lab(lab.folder, Path("/others"), CHECKOUT, None)
    assert again.written == lab.written
    assert [again.port(server) for server in SERVERS] == list(range(7000, 7000 + len(SERVERS)))
    assert lab.password not in repr(lab)
    with pytest.raises(LabError, match="make lab-clean"):
        open_lab(lab.folder, Path("/programs"), CHECKOUT, 8000)


def test_files_are_complete_private_and_written_once(lab):
    configuration.write_all(lab)
    files = [path for path in lab.etc.rglob("*") if path.is_file()]
    assert len(files) >= len(list(configuration.SOURCES.glob("*/*")))
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "$" not in file.read_text()
    before = {file: file.stat().st_mtime_ns for file in files}
    configuration.write_all(lab)
    assert {file: file.stat().st_mtime_ns for file in files} == before


def test_what_is_written_can_be_read(lab):
    configuration.write_all(lab)
    for file in lab.etc.rglob("*.conf"):
        parser = configparser.ConfigParser(interpolation=None, default_section="none")
        text = file.read_text()
        parser.read_string(text if "[" in text else f"[all]\n{text}")
    settings = load_settings(files=[lab.etc / "magnum/magnum.conf"])
    assert (settings.default.auth_strategy, settings.api.port) == ("keystone", lab.port("magnum"))
    write_clouds(lab)
    assert yaml.safe_load(lab.clouds.read_text())["clouds"]["system-admin"]["auth"]["system_scope"] == "all"


def test_every_port_but_that_between_nodes_is_somebodys(lab):
    assert {service.server for service in services.services(lab)} - {None} == {*SERVERS} - {"rabbitmq-nodes"}


def test_no_password_is_in_an_argument(lab):
    assert not [service.name for service in services.services(lab) if lab.password in " ".join(service.command)]


def test_all_that_tasks_need_are_tasks(lab):
    tasks = ControlPlane(lab, print).tasks()
    assert {need for task in tasks for need in task.needs} <= {task.name for task in tasks}
