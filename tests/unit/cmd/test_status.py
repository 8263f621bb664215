"""magnum-status upgrade check: the status is that of the worst finding."""

import json

from magnum.certificates.encryption import generate_key_file
from magnum.cmd.status import main
from magnum.db import migrate


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
        tmp_path, capsys, f"[database]\nconnection = {url}\n[certificates]\nencryption_keys = {tmp_path}/key\n"
    )
    assert code == 0
    assert set(found.values()) == {0}


def test_a_database_that_is_behind_is_a_warning(tmp_path, capsys):
    generate_key_file(tmp_path / "key")
    url = f"sqlite:///{tmp_path}/magnum.sqlite"
    code, found = check(
        tmp_path, capsys, f"[database]\nconnection = {url}\n[certificates]\nencryption_keys = {tmp_path}/key\n"
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
        f"[certificates]\nencryption_keys = {tmp_path}/absent\n",
    )
    assert code == 2
    assert found["Policy File JSON to YAML Migration"] == 2
    assert found["Encryption Keys"] == 2
