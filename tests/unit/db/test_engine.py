import os
import sqlite3
import stat
import threading

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from magnum.db.engine import ATTEMPTS, open_database
from magnum.db.errors import DatabaseUnreachable
from magnum.db.sqlite import FairLock, writer_lock
from magnum.model.clocks import SystemClock

NUMBERS = Table("numbers", MetaData(), Column("number", Integer, primary_key=True))


class Busy(sqlite3.OperationalError):
    sqlite_errorcode = sqlite3.SQLITE_BUSY_SNAPSHOT


@pytest.fixture
def pauses():
    return []


@pytest.fixture(params=["file", "memory"])
def database(request, tmp_path, pauses):
    url = f"sqlite:///{tmp_path}/a.sqlite" if request.param == "file" else "sqlite://"
    opened = open_database(url, clock=SystemClock(), back_off=pauses.append)
    opened.write(NUMBERS.metadata.create_all)
    yield opened
    opened.dispose()


def add(tx, number=1):
    tx.execute(NUMBERS.insert(), {"number": number})


def count(database):
    return database.read(lambda tx: len(tx.execute(select(NUMBERS)).all()))


def conflict(*_):
    raise OperationalError("statement", {}, Busy("database is locked"))


def test_what_is_written_is_read(database):
    assert database.write(lambda tx: add(tx) or "answer") == "answer"
    assert count(database) == 1
    assert database.dialect == "sqlite"


def test_a_function_that_fails_leaves_nothing(database):
    def fail(tx):
        add(tx)
        raise KeyError

    with pytest.raises(KeyError):
        database.write(fail)
    assert count(database) == 0
    database.write(add)


def test_a_conflict_is_tried_again_from_the_start(database, pauses):
    def conflict_twice(tx):
        add(tx)
        if len(pauses) < 2:
            conflict()

    database.write(conflict_twice)
    assert pauses == [1, 2]
    assert count(database) == 1


def test_a_conflict_that_stays_is_told(database, pauses):
    with pytest.raises(DatabaseUnreachable, match="does not answer: database is locked"):
        database.write(conflict)
    assert len(pauses) == ATTEMPTS - 1


def test_what_is_no_conflict_is_not_tried_again(database, pauses):
    with pytest.raises(IntegrityError):
        database.write(lambda tx: [add(tx), add(tx)])
    with pytest.raises(OperationalError, match="no such table"):
        database.read(lambda tx: tx.execute(text("SELECT * FROM no_such")))
    assert pauses == []


def test_no_value_of_a_statement_is_in_an_error(database):
    with pytest.raises(IntegrityError) as caught:
        database.write(lambda tx: [add(tx, 4242), add(tx, 4242)])
    assert "4242" not in str(caught.value)


@pytest.mark.parametrize("inner", ["read", "write"])
@pytest.mark.parametrize("outer", ["read", "write"])
def test_a_transaction_inside_another_is_a_mistake(database, outer, inner):
    with pytest.raises(RuntimeError, match="inside another"):
        getattr(database, outer)(lambda _: getattr(database, inner)(lambda _: None))
    database.write(add)


def test_the_options_of_sqlite(tmp_path):
    path = tmp_path / "a.sqlite"
    database = open_database(f"sqlite:///{path}", clock=SystemClock())
    assert not path.exists(), "nothing is opened before it is needed"

    def pragmas(tx):
        return [tx.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous", "busy_timeout")]

    assert database.read(pragmas) == ["wal", 2, 5000]
    database.write(NUMBERS.metadata.create_all)
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    database.dispose()


def test_a_writer_holds_the_file_from_its_first_statement(tmp_path):
    url = f"sqlite:///{tmp_path}/a.sqlite"
    database = open_database(url, clock=SystemClock())
    database.write(NUMBERS.metadata.create_all)
    other = sqlite3.connect(tmp_path / "a.sqlite", timeout=0, isolation_level=None)

    def check(tx):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")

    database.write(check)
    database.read(lambda _: other.execute("BEGIN IMMEDIATE").execute("ROLLBACK"))
    other.close()
    database.dispose()


def test_a_database_that_cannot_be_opened_is_told(tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/no/such/a.sqlite", clock=SystemClock())
    with pytest.raises(DatabaseUnreachable, match="cannot be made: No such file"):
        database.read(lambda _: None)


def test_writers_of_one_file_share_one_lock_whatever_the_path(tmp_path):
    from sqlalchemy import make_url

    (tmp_path / "b").symlink_to(tmp_path)
    locks = {id(writer_lock(make_url(f"sqlite:///{tmp_path}{way}a.sqlite"))) for way in ("/", "/b/", "/./")}
    assert len(locks) == 1
    assert writer_lock(make_url(f"sqlite:///{tmp_path}/other")) is not writer_lock(make_url(f"sqlite:///{tmp_path}/a"))


def test_the_lock_goes_to_the_one_who_waits_longest():
    lock, order = FairLock(), []

    def wait(number):
        with lock:
            order.append(number)

    with lock:
        threads = []
        for number in range(5):
            threads.append(threading.Thread(target=wait, args=(number,)))
            threads[-1].start()
            while len(lock._waiting) <= number:
                os.sched_yield()
    for thread in threads:
        thread.join(5)
    assert order == [0, 1, 2, 3, 4]


def test_an_interrupted_wait_hands_its_turn_on():
    class Interrupted(threading.Event):
        def wait(self):
            raise KeyboardInterrupt

    lock = FairLock()
    with lock, pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "Event", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            lock.__enter__()
    with lock:
        pass
