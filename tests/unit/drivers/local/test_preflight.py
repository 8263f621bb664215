import os

import pytest

from magnum.drivers.local import preflight
from magnum.drivers.local.preflight import Try, missing_controllers, missing_features


@pytest.fixture
def complete(monkeypatch, tmp_path):
    """A host that has everything."""
    monkeypatch.setattr(preflight, "installed", lambda _: True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "KEYRING", tmp_path)
    monkeypatch.setattr(preflight, "TRIES", (Try("nothing", ("true",)),))
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    return tmp_path


def test_a_complete_host_lacks_nothing(complete):
    assert preflight.missing(complete) == []


def test_a_missing_command_is_told_with_its_package(complete, monkeypatch):
    monkeypatch.setattr(preflight, "installed", lambda command: command != "systemd-nspawn")
    (sentence,) = preflight.missing(complete)
    assert sentence == "The command systemd-nspawn is not installed: run 'apt-get install systemd-container'."


def test_without_root_that_comes_first_and_nothing_is_tried(complete, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(preflight, "TRIES", (Try("nothing", ("false",)),))
    monkeypatch.setattr(preflight, "KEYRING", complete / "absent")
    first, second = preflight.missing(complete)
    assert "root" in first
    assert "debian-archive-keyring" in second


def test_controllers_are_looked_for_in_both_kinds_of_hierarchy(tmp_path):
    for name in ("cpu", "memory"):
        (tmp_path / name).mkdir()
    (sentence,) = missing_controllers(tmp_path)
    assert "'pids'" in sentence
    (tmp_path / "cgroup.controllers").write_text("cpu pids\n")
    (sentence,) = missing_controllers(tmp_path)
    assert "'memory'" in sentence


def test_a_feature_is_tried_and_its_refusal_told():
    given, refused = Try("what it gives", ("cat",), "text"), Try("what it refuses", ("sh", "-c", "echo no >&2; exit 1"))
    (sentence,) = missing_features((given, refused))
    assert "what it refuses" in sentence
    assert "no" in sentence
