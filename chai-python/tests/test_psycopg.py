"""What people do with a psycopg connection works on one of ours."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.adapt import PyFormat
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Placeholder
from psycopg.types.json import Json

import chaisql

CREATE = """
    CREATE TABLE IF NOT EXISTS items (
        id BIGINT PRIMARY KEY, name TEXT NOT NULL, data BYTEA,
        price DOUBLE PRECISION, sold BOOLEAN, at TIMESTAMP
    )
"""
INSERT = "INSERT INTO items (id, name) VALUES (%s, %s)"


@pytest.fixture(scope="module")
def server() -> Iterator[chaisql.Server]:
    with chaisql.Server(":memory:") as running:
        yield running


@pytest.fixture
def connection(server: chaisql.Server) -> Iterator["psycopg.Connection[Any]"]:
    with server.connect(autocommit=True) as opened:
        opened.execute(CREATE)
        yield opened
        opened.execute("DROP TABLE items")


def names(connection: "psycopg.Connection[Any]") -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM items ORDER BY id")]


@pytest.mark.parametrize("binary", [False, True])
def test_values_come_back_as_they_went(connection: "psycopg.Connection[Any]", binary: bool) -> None:
    row = (2**40, "naïve ☃", b"\0\xff", 0.1, True, datetime(2030, 1, 2, 3, 4, 5, 678901))  # noqa: DTZ001
    connection.execute(
        "INSERT INTO items (id, name, data, price, sold, at) VALUES (%s, %s, %s, %s, %s, %s)", row
    )
    with connection.cursor(binary=binary) as cursor:
        cursor.execute("SELECT id, name, data, price, sold, at FROM items WHERE id = %s", (2**40,))
        assert cursor.fetchall() == [row]


def test_nulls(connection: "psycopg.Connection[Any]") -> None:
    connection.execute("INSERT INTO items (id, name, data, sold) VALUES (1, 'x', %s, %b)", (None, None))
    assert connection.execute("SELECT data, sold FROM items").fetchone() == (None, None)
    assert connection.execute("SELECT id FROM items WHERE data IS NULL").fetchone() == (1,)


def test_dates(connection: "psycopg.Connection[Any]") -> None:
    connection.execute("INSERT INTO items (id, name, at) VALUES (1, 'x', %s)", (date(2030, 1, 2),))
    at = datetime(2030, 1, 2)  # noqa: DTZ001 - a column without a zone
    for placeholder in ("%t", "%b"):
        found = connection.execute(f"SELECT at FROM items WHERE at = {placeholder}", (date(2030, 1, 2),))
        assert found.fetchone() == (at,)
    for binary in (False, True):
        dates = connection.execute("SELECT at::date, at::date + 1 FROM items", binary=binary).fetchone()
        assert dates == (date(2030, 1, 2), date(2030, 1, 3))


def test_intervals(connection: "psycopg.Connection[Any]") -> None:
    connection.execute(
        "INSERT INTO items (id, name, at) VALUES (1, %s, now()::timestamp - %s::interval)",
        ("x", timedelta(days=2)),
    )
    old = "SELECT id FROM items WHERE at < now() - %b"
    assert connection.execute(old, (timedelta(days=1),)).fetchone() == (1,)
    assert connection.execute(old, (timedelta(days=3),)).fetchone() is None
    span = timedelta(days=-1, seconds=3723, microseconds=5)
    for placeholder in ("%t", "%b"):
        for binary in (False, True):
            row = connection.execute(
                f"SELECT {placeholder}, interval '1 day' * 2", (span,), binary=binary
            ).fetchone()
            assert row == (span, timedelta(days=2))
    connection.execute("UPDATE items SET name = %s WHERE id = 1", (timedelta(seconds=5),))
    assert connection.execute("SELECT name FROM items").fetchone() == ("00:00:05",)


@pytest.mark.parametrize(
    ("column", "value", "instead"),
    [
        ("price", Decimal("NaN"), 1.5),
        ("name", UUID(int=5), str(UUID(int=5))),
        ("data", UUID(int=5), UUID(int=5).bytes),
        ("name", Json([1]), json.dumps([1])),
    ],
    ids=repr,
)
def test_values_of_other_types_are_refused_as_documented(
    connection: "psycopg.Connection[Any]", column: str, value: object, instead: object
) -> None:
    connection.execute(INSERT, (1, "x"))
    update = SQL("UPDATE items SET {0} = %s WHERE id = 1 RETURNING {0}").format(Identifier(column))
    with pytest.raises((psycopg.NotSupportedError, psycopg.errors.DatatypeMismatch)):
        connection.execute(update, (value,))
    assert connection.execute(update, (instead,)).fetchone() == (instead,)


def test_decimals_are_taken_for_numbers(connection: "psycopg.Connection[Any]") -> None:
    connection.execute(INSERT, (Decimal(5), Decimal("1.50")))
    update = "UPDATE items SET price = %s WHERE id = %s AND id < %s RETURNING price, name"
    assert connection.execute(update, (Decimal("2.25"), Decimal("5.0"), Decimal("5.5"))).fetchall() == [
        (2.25, "1.50")
    ]
    assert connection.execute("SELECT id FROM items WHERE id = %s", (Decimal("4.9"),)).fetchall() == []


def test_lists_of_values_are_taken(connection: "psycopg.Connection[Any]") -> None:
    connection.execute(INSERT, (5, "x"))
    assert connection.execute("SELECT id FROM items WHERE id IN (%s, %s)", (5, 6)).fetchall() == [(5,)]
    update = SQL("UPDATE items SET price = 2.5, data = 'y', at = '2030-01-02' WHERE id = ANY({})")
    assert connection.execute(update.format(Placeholder()), ([5, 6],)).rowcount == 1
    lists: list[tuple[str, list[Any]]] = [
        ("id", [5, 2**40]),
        ("id", [5.0, 7.5]),
        ("id", [Decimal(5), None]),
        ("name", ["x", 'a"b\\c, ', "NULL", ""]),
        ("data", [b"y", b"\0"]),
        ("price", [2.5, 1e300]),
        ("price", [Decimal("2.5")]),
        ("at", [datetime(2030, 1, 2), datetime(2031, 1, 2)]),  # noqa: DTZ001
    ]
    for column, values in lists:
        for placeholder in (Placeholder(), Placeholder(format=PyFormat.BINARY)):
            found = SQL("SELECT id FROM items WHERE {0} = ANY({1})").format(Identifier(column), placeholder)
            others = SQL("SELECT id FROM items WHERE {0} <> ALL({1})").format(Identifier(column), placeholder)
            assert connection.execute(found, (values,)).fetchall() == [(5,)], (column, values)
            assert connection.execute(others, (values,)).fetchall() == [], (column, values)
    assert connection.execute("SELECT id FROM items WHERE id <> ALL(%s)", ([],)).fetchall() == [(5,)]


def test_lists_elsewhere_and_long_ones_are_refused(connection: "psycopg.Connection[Any]") -> None:
    with pytest.raises(psycopg.NotSupportedError, match="array"):
        connection.execute("UPDATE items SET name = %s", ([1, 2],))
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="1000"):
        connection.execute("SELECT id FROM items WHERE id = ANY(%s)", (list(range(1001)),))


def test_an_aware_time_is_stored_as_utc(connection: "psycopg.Connection[Any]") -> None:
    when = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    connection.execute("INSERT INTO items (id, name, at) VALUES (1, 'x', %s)", (when,))
    assert connection.execute("SELECT at FROM items").fetchone() == (when.replace(tzinfo=None),)


def test_prepared_statements_are_right_every_time(connection: "psycopg.Connection[Any]") -> None:
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, [(number, f"item {number}") for number in range(20)])
        assert cursor.rowcount == 20
    for number in range(20):
        found = connection.execute("SELECT name FROM items WHERE id = %s", (number,), prepare=True).fetchone()
        assert found == (f"item {number}",)


def test_row_counts_are_exact(connection: "psycopg.Connection[Any]") -> None:
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, [(1, "a"), (2, "a"), (3, "b")])
        counts = [
            cursor.execute(sql).rowcount
            for sql in (
                "UPDATE items SET name = 'c' WHERE name = 'a'",
                "UPDATE items SET name = 'd' WHERE id = 9",
                "DELETE FROM items WHERE name = 'c'",
                "INSERT INTO items (id, name) VALUES (3, 'x') ON CONFLICT DO NOTHING",
            )
        ]
    assert counts == [2, 0, 2, 0]


def test_a_transaction_is_all_or_nothing(connection: "psycopg.Connection[Any]") -> None:
    with connection.transaction():
        connection.execute(INSERT, (1, "kept"))
    with pytest.raises(ZeroDivisionError), connection.transaction():
        connection.execute(INSERT, (2, "dropped"))
        assert names(connection) == ["kept", "dropped"]
        raise ZeroDivisionError
    assert names(connection) == ["kept"]


def test_without_autocommit_nothing_is_kept_until_commit(
    connection: "psycopg.Connection[Any]", server: chaisql.Server
) -> None:
    with server.connect() as other:
        other.execute(INSERT, (1, "x"))
        assert names(connection) == []
        other.rollback()
        other.execute(INSERT, (2, "y"))
        other.commit()
        assert names(connection) == ["y"]
        assert other.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_failed_transaction_must_be_rolled_back(
    server: chaisql.Server, connection: "psycopg.Connection[Any]"
) -> None:
    with server.connect() as other:
        with pytest.raises(psycopg.errors.UndefinedTable):
            other.execute("SELECT id FROM nowhere")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            other.execute("SELECT id FROM items")
        other.rollback()
        assert other.execute("SELECT id FROM items").fetchall() == []


def test_a_pipeline_sends_many_at_once(connection: "psycopg.Connection[Any]") -> None:
    with connection.pipeline():
        for number in range(10):
            connection.execute(INSERT, (number, str(number)))
        cursor = connection.execute("SELECT count(*) FROM items")
        assert cursor.fetchone() == (10,)


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("INSERT INTO items (id, name) VALUES (1, 'twice')", chaisql.IntegrityError),
        ("INSERT INTO items (id) VALUES (2)", psycopg.errors.NotNullViolation),
        ("SELECT nothing FROM items", psycopg.errors.UndefinedColumn),
        ("SELEC 1", psycopg.errors.SyntaxError),
        ("SELECT a.id FROM items a JOIN items b ON a.id = b.id", chaisql.NotSupportedError),
        ("COPY items FROM STDIN", chaisql.NotSupportedError),
    ],
)
def test_errors_have_their_classes_and_the_connection_goes_on(
    connection: "psycopg.Connection[Any]", sql: str, error: type[Exception]
) -> None:
    connection.execute(INSERT, (1, "once"))
    with pytest.raises(error):
        connection.execute(sql)
    assert names(connection) == ["once"]


def test_rows_as_dictionaries(server: chaisql.Server, connection: "psycopg.Connection[Any]") -> None:
    connection.execute(INSERT, (1, "x"))
    with server.connect(row_factory=dict_row) as other:
        assert other.execute("SELECT id, name FROM items").fetchone() == {"id": 1, "name": "x"}


def test_the_driver_interface_is_named(connection: "psycopg.Connection[Any]") -> None:
    assert (chaisql.apilevel, chaisql.paramstyle) == ("2.0", "pyformat")
    assert chaisql.threadsafety == psycopg.threadsafety
    assert issubclass(chaisql.ServerError, chaisql.OperationalError)
