import pytest

from magnum.cmd import db_manage


@pytest.fixture(autouse=True)
def _untouched_process(monkeypatch):
    """Programs set up logging for their process; here it is that of all tests."""
    monkeypatch.setattr(db_manage, "set_up_process", lambda _settings: None)
