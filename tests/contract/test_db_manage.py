"""Exit codes and words of magnum-db-manage; what it does to databases is tested with `magnum.db.migrate`."""

import pytest

from magnum.cmd import db_manage
from magnum.cmd.db_manage import main


@pytest.fixture(autouse=True)
def _untouched_process(monkeypatch):
    """Programs set up logging for their process; here it is that of all tests."""
    monkeypatch.setattr(db_manage, "set_up_process", lambda _settings: None)


@pytest.fixture
def run(url, tmp_path, capsys):
    configuration = tmp_path / "magnum.conf"
    configuration.write_text(f"[database]\nconnection = {url}\n")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["--config-file", str(configuration), *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_from_nothing_to_the_newest(run, tmp_path):
    assert run("version") == (0, "Current revision: None\n", "")
    assert not (tmp_path / "magnum.sqlite").exists()
    code, out, _ = run("check")
    assert (code, "magnum-db-manage upgrade" in out) == (1, True)
    code, out, _ = run("upgrade")
    assert code == 0
    assert out != "Current revision: None\n"
    assert run("version") == (0, out, "")
    assert run("check") == (0, "The database is as this release needs it.\n", "")
    assert run("upgrade", "head")[0] == 0
    code, out, _ = run("history")
    assert code == 0
    assert out.startswith("0001  applied  ")


def test_stamp_records_only(run):
    assert run("stamp", "0001")[0] == 0
    assert run("version")[1] == "Current revision: 0001\n"
    assert run("check")[0] == 1


@pytest.mark.parametrize("command", ["stamp", "upgrade"])
def test_a_revision_that_there_is_not(run, command):
    code, _, err = run(command, "nonsense")
    assert code == 1
    assert err.startswith("magnum-db-manage: ")
    assert "nonsense" in err


def test_a_database_that_does_not_answer(tmp_path, capsys):
    configuration = tmp_path / "magnum.conf"
    configuration.write_text("[database]\nconnection = sqlite:////no/such/directory/magnum.sqlite\n")
    assert main(["--config-file", str(configuration), "upgrade"]) == 1
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["stamp"], ["--nonsense", "version"]])
def test_wrong_arguments_end_with_2(run, arguments):
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
