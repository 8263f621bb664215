"""What our reading of PyMySQL's results gives: the same as PyMySQL's own, values, descriptions and errors."""

import pymysql
import pytest
from sqlalchemy import make_url

from magnum.db.quick_pymysql import QuickConnection

COLUMNS = (
    "i INT, b BIGINT UNSIGNED, t TINYINT(1), d DECIMAL(10, 3), f DOUBLE, x VARBINARY(20), v VARCHAR(300), l LONGTEXT, "
    "day DATE, moment DATETIME(6), span TIME, y YEAR, bits BIT(12), e ENUM('red', 'green'), j JSON, raw LONGBLOB"
)
ROWS = [
    (1, 2**64 - 1, 1, "1.500", 0.25, b"\xff\x00", "Grün \U0001f41f", "x" * 70_000, "2024-02-29"),
    (-1, 0, 0, "-0.001", -1e300, b"", "", "", "1970-01-01"),
    (None,) * 9,
    (0, 1, 1, "0", 0.0, b"\xfb\xfe", "é" * 125, "y" * 251, "9999-12-31"),
]
MORE = [
    ("2024-02-29 23:59:59.123456", "-12:30:01", 2024, 0b101, "red", '{"a": [1, null]}', b"\x00" * 252),
    ("2024-01-01 00:00:00", "838:59:59", 1901, 0, "green", "[]", b""),
    (None,) * 7,
    ("2024-01-01 00:00:00.5", "00:00:00", 2155, 1, "red", '"text"', b"\xfe" * 300),
]

pytestmark = pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)


@pytest.fixture
def connections(database_url):
    url = make_url(database_url)
    options = {"user": url.username, "database": url.database, "unix_socket": url.query["unix_socket"]}
    both = [pymysql.Connection(**options, autocommit=True), QuickConnection({}, **options, autocommit=True)]
    yield both
    for connection in both:
        connection.close()


def results(connection, statement, arguments=None):
    cursor = connection.cursor()
    try:
        count = cursor.execute(statement, arguments)
    except pymysql.Error as error:
        return type(error), error.args
    return count, cursor.description, cursor.fetchall(), cursor.rowcount, connection.show_warnings()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM every_kind ORDER BY v",
        "SELECT v FROM every_kind WHERE i = 7",
        "SELECT COUNT(*), MAX(f), NULL FROM every_kind",
        "SELECT 1 AS a; SELECT 2",
        "SELECT CAST('x' AS SIGNED)",
        "UPDATE every_kind SET t = 1",
        "SELECT * FROM nothing",
        "SELEKT",
        "SELECT (SELECT i FROM every_kind)",
        "SELECT * FROM (SELECT 1 UNION SELECT 2) AS two WHERE SLEEP(0) = 0",
    ],
)
def test_the_same_results(connections, statement):
    for connection in connections:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMPORARY TABLE every_kind ({COLUMNS})")
            for first, second in zip(ROWS, MORE, strict=True):
                cursor.execute(f"INSERT INTO every_kind VALUES ({', '.join(['%s'] * 16)})", first + second)  # noqa: S608
    theirs, ours = (results(connection, statement) for connection in connections)
    assert ours == theirs
    theirs, ours = (results(connection, statement) for connection in connections)
    assert ours == theirs, "the second time, when its columns are known"


def test_other_columns_of_the_same_name(connections):
    _, ours = connections
    assert results(ours, "SELECT 1 AS a")[2] == ((1,),)
    assert results(ours, "SELECT 'x' AS a")[2] == (("x",),)
    assert results(ours, "SELECT 1.5 AS a")[1:3] == results(connections[0], "SELECT 1.5 AS a")[1:3]


def test_a_value_that_takes_several_packets(connections):
    most = 1 << 26
    with connections[0].cursor() as cursor:
        cursor.execute(f"SET GLOBAL max_allowed_packet = {most}")  # for connections that are made from now on
    theirs = connections[0]
    options = {"user": theirs.user, "unix_socket": theirs.unix_socket, "max_allowed_packet": most}
    with QuickConnection({}, **options) as ours, ours.cursor() as cursor:
        for size in (0xFFFFFF - 10, 0xFFFFFF * 2):
            cursor.execute("SELECT REPEAT('x', %s), 1", (size,))
            assert [(len(text), one) for text, one in cursor.fetchall()] == [(size, 1)]


def test_an_unbuffered_cursor_reads_as_ever(connections):
    rows = []
    for connection in connections:
        with connection.cursor(pymysql.cursors.SSCursor) as cursor:
            cursor.execute("SELECT 1 UNION SELECT 2")
            rows.append(cursor.fetchall())
    assert rows[0] == rows[1] == [(1,), (2,)]


def test_a_value_that_cannot_be_read_leaves_nothing_for_the_next_statement(connections):
    _, ours = connections
    statement = "SELECT CONVERT(x USING latin1) FROM (SELECT 0xff AS x UNION SELECT 'a' UNION SELECT 'b') AS three"
    with ours.cursor() as cursor:
        cursor.execute("SET character_set_results = latin1")  # which is not what PyMySQL takes it for
        with pytest.raises(UnicodeDecodeError):
            cursor.execute(statement)
    with pytest.raises(pymysql.InterfaceError), ours.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_a_connection_that_ends_in_the_middle(connections):
    theirs, ours = connections
    with theirs.cursor() as cursor:
        cursor.execute(f"KILL CONNECTION {ours.thread_id()}")
    with pytest.raises(pymysql.OperationalError), ours.cursor() as cursor:
        cursor.execute("SELECT 1")
