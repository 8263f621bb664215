"""magnum-status upgrade check: the status is that of the worst finding."""

import json

import pytest
from simulated_cloud import simulated_cloud

from magnum.certificates.encryption import generate_key_file
from magnum.cmd.status import main
from magnum.db import migrate

WELL = """
[database]
connection = {url}
[certificates]
cert_manager_type = x509keypair
encryption_keys = {folder}/key
"""


def check(tmp_path, capsys, text: str) -> tuple[int, dict[str, int]]:
    configuration = tmp_path / "magnum.conf"
    configuration.write_text(text)
    code = main(["--config-file", str(configuration), "upgrade", "check", "--json"])
    found = json.loads(capsys.readouterr().out)["checks"]
    return code, {finding["check"]: finding["result"] for finding in found}


def test_all_is_well(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/magnum.sqlite"
    migrate.upgrade(url)
    generate_key_file(tmp_path / "key")
    code, found = check(
        tmp_path,
        capsys,
        WELL.format(url=url, folder=tmp_path),
    )
    assert code == 0
    assert set(found.values()) == {0}


def test_a_database_that_is_behind_is_a_warning(tmp_path, capsys):
    generate_key_file(tmp_path / "key")
    url = f"sqlite:///{tmp_path}/magnum.sqlite"
    code, found = check(
        tmp_path,
        capsys,
        WELL.format(url=url, folder=tmp_path),
    )
    assert code == 1
    assert found["Database Schema"] == 1


def test_a_policy_file_in_json_and_a_key_that_cannot_be_read_are_failures(tmp_path, capsys):
    (tmp_path / "policy.json").write_text('{"cluster:get": "rule:admin_api"}')
    code, found = check(
        tmp_path,
        capsys,
        f"[oslo_policy]\npolicy_file = {tmp_path}/policy.json\n"
        f"[database]\nconnection = sqlite:///{tmp_path}/magnum.sqlite\n"
        f"[certificates]\ncert_manager_type = x509keypair\nencryption_keys = {tmp_path}/absent\n",
    )
    assert code == 2
    assert found["Policy File JSON to YAML Migration"] == 2
    assert found["Encryption Keys"] == 2


AUTHTOKEN = """
[keystone_authtoken]
auth_url = {url}/identity/v3
username = magnum
password = secret
project_name = service
user_domain_name = Default
project_domain_name = Default
"""


@pytest.mark.parametrize(("store", "result"), [("x509keypair", 0), ("local", 1), ("vault", 2), ("barbican", 2)])
def test_the_kind_of_store_is_judged(tmp_path, capsys, store, result):
    """Barbican needs somebody to store secrets as."""
    found = check_store(tmp_path, capsys, store)
    assert found == result


@pytest.mark.parametrize(("fault", "result"), [(None, 0), (503, 1), (403, 2)])
def test_barbican_is_asked(tmp_path, capsys, fault, result):
    with simulated_cloud() as cloud:
        if fault:
            cloud.faults["Barbican"] = fault
        found = check_store(tmp_path, capsys, "barbican", AUTHTOKEN.format(url=cloud.url))
    assert found == result


def check_store(tmp_path, capsys, store: str, more: str = "") -> int:
    database = f"[database]\nconnection = sqlite:///{tmp_path}/magnum.sqlite\n"
    certificates = f"[certificates]\ncert_manager_type = {store}\nstorage_path = {tmp_path}\n"
    return check(tmp_path, capsys, database + certificates + more)[1]["Certificate Store"]
