"""What a state directory holds, who may read it, and who runs on it."""

import os
import stat

import bcrypt
import pytest
import yaml

from magnum.certificates.encryption import Keyring, Place
from magnum.conf.settings import load_settings
from magnum.standalone.state import AlreadyRunningError, StateDirectory


@pytest.fixture
def state(tmp_path):
    state = StateDirectory(tmp_path / "var")
    with state.held():
        state.prepare(host="127.0.0.1", port=9600)
        yield state


def test_what_it_makes_can_be_used_and_fits_together(state):
    settings = load_settings(files=[state.configuration])
    assert settings.api.port == 9600
    assert settings.default.auth_strategy == "http_basic"
    assert settings.database.connection == f"sqlite:///{state.path}/magnum.sqlite"
    Keyring.load(settings.certificates.encryption_keys).encrypt("secret", Place("table", "column", "row"))
    auth = yaml.safe_load(state.clouds.read_text())["clouds"]["magnum"]["auth"]
    user, hashed, project, roles = settings.default.http_basic_auth_user_file.read_text().strip().split(":")
    assert (user, project) == (auth["username"], "default")
    assert "member" in roles.split(",")
    assert bcrypt.checkpw(auth["password"].encode(), hashed.encode())


def test_nobody_else_may_read_any_of_it(state):
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
    for file in state.path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_what_is_there_is_kept(state):
    state.announce("http://127.0.0.1:9600/v1")
    state.configuration.write_text(state.configuration.read_text() + "\n[quotas]\nmax_clusters_per_project = 3\n")
    before = {file.name: file.read_bytes() for file in state.path.iterdir()}
    state.prepare(host="127.0.0.1", port=9700)
    state.announce("http://127.0.0.1:9600/v1")
    assert {file.name: file.read_bytes() for file in state.path.iterdir()} == before


def test_the_clouds_file_follows_the_port_and_keeps_the_password(state):
    before = yaml.safe_load(state.clouds.read_text())["clouds"]["magnum"]["auth"]["password"]
    state.announce("http://127.0.0.1:9601/v1")
    auth = yaml.safe_load(state.clouds.read_text())["clouds"]["magnum"]["auth"]
    assert auth == {"username": "admin", "password": before, "endpoint": "http://127.0.0.1:9601/v1"}
    assert stat.S_IMODE(state.clouds.stat().st_mode) == 0o600


def test_a_lost_clouds_file_is_replaced_with_a_new_password(state):
    before = state.users.read_text()
    state.users.write_text(before + "bob:$2y$05$bob:bobs:reader\n")
    state.clouds.unlink()
    state.prepare(host="127.0.0.1", port=9600)
    admin, bob = state.users.read_text().splitlines()
    assert admin.startswith("admin:")
    assert admin != before.strip()
    assert bob == "bob:$2y$05$bob:bobs:reader"
    password = yaml.safe_load(state.clouds.read_text())["clouds"]["magnum"]["auth"]["password"]
    assert bcrypt.checkpw(password.encode(), admin.split(":")[1].encode())


def test_only_one_process_runs_on_it(tmp_path):
    state = StateDirectory(tmp_path / "var")
    assert state.holder() is None
    with state.held():
        assert state.holder() == os.getpid()
        with pytest.raises(AlreadyRunningError, match=str(state.holder())), StateDirectory(state.path).held():
            pytest.fail("two of them held it")
    assert state.holder() is None
