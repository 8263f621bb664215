import pytest
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from magnum.db.errors import CannotHold, DatabaseUnreachable
from magnum.db.failures import is_conflict, is_duplicate, translate


def postgresql(state, kind=OperationalError):
    cause = Exception("text")
    cause.sqlstate = state
    return kind("statement", {}, cause)


def mysql(number, kind=OperationalError):
    return kind("statement", {}, Exception(number, "text"))


@pytest.mark.parametrize(
    "error", [postgresql("40001"), postgresql("40P01"), postgresql("55P03"), mysql(1205), mysql(1213)]
)
def test_what_is_tried_again(error):
    assert is_conflict(error)


@pytest.mark.parametrize(
    "error", [postgresql("57P01"), mysql(2006), mysql(1062), OperationalError("s", {}, Exception()), PoolTimeoutError()]
)
def test_what_is_not(error):
    assert not is_conflict(error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PoolTimeoutError(), DatabaseUnreachable),
        (OperationalError("s", {}, Exception("gone")), DatabaseUnreachable),
        (InterfaceError("s", {}, Exception("gone")), DatabaseUnreachable),
        (DataError("s", {}, Exception("too long")), CannotHold),
        (IntegrityError("s", {}, Exception("twice")), IntegrityError),
    ],
)
def test_what_callers_see(error, kind):
    assert type(translate(error)) is kind


def test_no_value_of_a_statement_is_told():
    error = OperationalError("INSERT INTO x509keypair", {"private_key": "SECRET"}, Exception("disk full"))
    assert "SECRET" not in str(translate(error))


def test_a_taken_key_is_told_from_other_broken_promises():
    assert all(is_duplicate(error) for error in (postgresql("23505", IntegrityError), mysql(1062, IntegrityError)))
    assert not any(is_duplicate(error) for error in (postgresql("23502", IntegrityError), mysql(1048, IntegrityError)))
