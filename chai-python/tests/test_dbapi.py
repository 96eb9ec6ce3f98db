"""PEP 249, as the public compliance suite dbapi20 checks it."""

from typing import Any

import dbapi20
import psycopg
import pytest

import chaisql

_CREATE = f"CREATE TABLE {dbapi20.DatabaseAPI20Test.table_prefix}"


class TestDatabaseAPI(dbapi20.DatabaseAPI20Test):  # type: ignore[misc]
    """The suite's own tests. It leaves two to the driver; one is a matter of opinion."""

    driver = chaisql
    # Its tables, with the primary key that every table needs here.
    ddl1 = f"{_CREATE}booze (name TEXT PRIMARY KEY)"
    ddl2 = f"{_CREATE}barflys (name TEXT PRIMARY KEY, drink TEXT)"

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = chaisql.Server(":memory:")
        cls.enterClassContext(cls.server)
        cls.connect_args = (cls.server.dsn,)

    def _connect(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = super()._connect()
        self.addCleanup(connection.close)  # some of the tests leave theirs open
        return connection

    def test_nextset(self) -> None:
        connection = self._connect()
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1; SELECT 2")
            assert cursor.fetchall() == [(1,)]
            assert cursor.nextset()
            assert cursor.fetchall() == [(2,)]
            assert not cursor.nextset()

    def test_setoutputsize(self) -> None:
        connection = self._connect()
        with connection, connection.cursor() as cursor:
            cursor.setoutputsize(1000)
            cursor.setoutputsize(2000, 0)

    def test_non_idempotent_close(self) -> None:
        """The suite's word on it: reasonable persons differ. Here a second close does nothing."""
        connection = self._connect()
        connection.close()
        connection.close()
        with pytest.raises(chaisql.Error):
            connection.commit()
