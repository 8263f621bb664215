"""What servers alone can do to a connection: end it while nobody uses it. And what reading leaves behind: nothing."""

import pytest
from databases import KINDS
from sqlalchemy import event, text

OWN = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT CONNECTION_ID()"}
END = {"postgresql": "SELECT pg_terminate_backend(:number)", "mysql": "KILL CONNECTION :number"}

pytestmark = pytest.mark.parametrize("database_url", KINDS, indirect=True)


@pytest.mark.parametrize("used", ["read", "write"])
def test_a_connection_that_was_ended_at_rest_is_replaced(database, clock, used):
    use = getattr(database, used)
    ours = use(lambda tx: tx.execute(text(OWN[database.dialect])).scalar_one())
    other = database.write if used == "read" else database.read
    other(lambda tx: tx.execute(text(END[database.dialect]), {"number": ours}))
    clock.advance(2)
    assert use(lambda tx: tx.execute(text(OWN[database.dialect])).scalar_one()) != ours


def test_a_read_is_one_round_trip(database):
    database.read(lambda tx: tx.execute(text("SELECT 1")))
    happened = []
    for name in ("commit", "rollback", "before_cursor_execute"):
        event.listen(database._reader, name, lambda *_, name=name: happened.append(name))
    assert database.read(lambda tx: tx.execute(text("SELECT 1")).scalar_one()) == 1
    assert "before_cursor_execute" in happened
    assert "commit" not in happened


def test_readers_see_what_was_written_just_before(database, make):
    for number in range(3):
        database.write(lambda tx, number=number: make.cluster(tx, name=f"c{number}"))
        assert database.read(lambda tx: tx.execute(text("SELECT COUNT(*) FROM cluster")).scalar_one()) == number + 1
