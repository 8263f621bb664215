"""An operator's file becomes typed values, or one clear sentence."""

import socket
import textwrap
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from oslo_config import cfg, generator

from magnum.conf.settings import Settings, SettingsError, load_settings, sections


def read(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "magnum.conf"
    file.write_text(textwrap.dedent(text))
    return load_settings(["--config-file", str(file)])


def test_an_empty_file_gives_the_defaults(tmp_path):
    settings = read(tmp_path, "")
    defaults = Settings()
    for name in sections():
        field = "default" if name == "DEFAULT" else name
        assert getattr(settings, field) == getattr(defaults, field), name


def test_values_arrive_with_their_types(tmp_path):
    settings = read(
        tmp_path,
        """
        [DEFAULT]
        state_path = /srv/magnum
        password_symbols = abc, 123
        [api]
        host = api.example.org
        port = 80
        [certificates]
        encryption_keys = /etc/magnum/new.key, /etc/magnum/old.key
        [conductor]
        poll_milliseconds = 50
        quiet_period = 0.5
        [local]
        network_pool = 10.9.0.0/16
        [fake]
        latencies = create_machine:0.25, join:1
        """,
    )
    assert settings.default.password_symbols == ("abc", "123")
    assert (settings.api.host, settings.api.port) == ("api.example.org", 80)
    assert settings.certificates.encryption_keys == (Path("/etc/magnum/new.key"), Path("/etc/magnum/old.key"))
    assert settings.conductor.quiet_period == 0.5
    assert settings.local.network_pool == IPv4Network("10.9.0.0/16")
    assert settings.fake.latencies == {"create_machine": 0.25, "join": 1.0}
    assert settings.database.connection == "sqlite:////srv/magnum/magnum.sqlite"
    assert settings.local.state_dir == Path("/srv/magnum/machines")


def test_a_file_of_an_earlier_release_loads(tmp_path):
    settings = read(
        tmp_path,
        """
        [DEFAULT]
        transport_url = rabbit://guest:guest@localhost
        rootwrap_config = /etc/magnum/rootwrap.conf
        [bay]
        etcd_discovery_service_endpoint_format = http://discovery.local/new?size=%(size)d
        [bay_heat]
        bay_create_timeout = 30
        [baymodel]
        kubernetes_allowed_network_drivers = flannel
        [conductor]
        conductor_life_check_timeout = 9
        [oslo_middleware]
        max_request_body_size = 4096
        [drivers]
        openstack_ca_file =
        [no_such_section]
        no_such_option = 1
        """,
    )
    assert settings.cluster.etcd_discovery_service_endpoint_format == "http://discovery.local/new?size=%(size)d"
    assert settings.cluster_heat.create_timeout == 30
    assert settings.cluster_template.kubernetes_allowed_network_drivers == ("flannel",)
    assert settings.api.max_request_body_size == 4096
    assert settings.drivers.openstack_ca_file is None


def test_relative_paths_are_made_absolute_when_they_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = read(tmp_path, "[certificates]\nstorage_path = keys\n")
    assert settings.certificates.storage_path == tmp_path / "keys"


def test_the_host_is_this_one_unless_it_is_named(tmp_path):
    assert read(tmp_path, "").default.host == socket.gethostname()
    assert read(tmp_path, "[DEFAULT]\nhost = c7.example.org\n").default.host == "c7.example.org"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[api]\nport = 70000\n", ["[api] port", "65535"]),
        ("[DEFAULT]\nauth_strategy = guess\n", ["[DEFAULT] auth_strategy", "guess"]),
        ("[local]\nnetwork_pool = 10.77.0.1/16\n", ["10.77.0.1/16"]),
        ("[conductor]\nworkers = many\n", ["[conductor] workers", "many"]),
        ("[conductor]\nlease_seconds = 3\n", ["lease_seconds = 3", "renew_seconds = 3"]),
        ("[api]\n[no end\n", ["magnum.conf:2", "[no end"]),
        ("[local]\nstate_dir = $nothing/x\n", ["[local] state_dir", "nothing"]),
    ],
)
def test_a_bad_value_is_told_in_one_sentence(tmp_path, text, words):
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    for word in words:
        assert word in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"absent\.conf"):
        load_settings(["--config-file", str(tmp_path / "absent.conf")])


def test_no_secret_is_shown(tmp_path):
    settings = read(
        tmp_path,
        "[database]\nconnection = mysql+pymysql://m:hunter2@db/magnum\n"
        "[trust]\ntrustee_domain_admin_password = hunter2\n[profiler]\nhmac_keys = hunter2\n",
    )
    assert "hunter2" not in repr(settings)
    for name in sections():
        assert "hunter2" not in repr(getattr(settings, "default" if name == "DEFAULT" else name))


def test_the_sample_has_every_option(tmp_path):
    sample = tmp_path / "magnum.conf.sample"
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(["--namespace", "magnum.conf", "--output-file", str(sample)], default_config_files=[])
    generator.generate(conf)
    text = sample.read_text()
    assert "Warning: Failed" not in text
    for name, section in sections().items():
        assert f"[{name}]" in text
        for field in section.__struct_fields__:
            assert f"#{field} = " in text or f"#{field} =\n" in text, (name, field)
