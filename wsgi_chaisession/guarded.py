"""Writes that happen only if a row is as somebody saw it, with all that must happen together with them.

With a write go the session's entry in the index of principals and the sessions that end with it: in one
transaction, so that no failure and no other request meets one without the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from . import statements
from .lookup import find
from .pool import Connection
from .tokens import hash_token


@dataclass(frozen=True, slots=True)
class Write:
    """One guarded statement on one session."""

    sql: LiteralString
    row: Mapping[str, Any]  # its values: the key, the expiry, and the data if there is any to write
    principal: str | None = None
    ending: Mapping[str, bytes] | None = None

    def run(self, connection: Connection) -> bool:
        """Whether all of it was done; if not, nothing was."""
        if self.row["key"] in (self.ending or {}):
            return False
        if self.principal is None and not self.ending:
            return connection.query(self.sql, self.row).rowcount > 0
        done = False
        with connection.transaction():
            done = self._end_others(connection) and connection.query(self.sql, self.row).rowcount > 0
            if not done:
                raise psycopg.Rollback
            if self.principal is not None:
                _enter(connection, self.row, self.principal)
        return done

    def has_landed(self, connection: Connection) -> bool:
        """Whether an earlier try has done it, whose answer was lost."""
        record = find(connection, self.row["key"])
        written = record is not None and record.data == self.row["data"]
        return written and all(find(connection, key) is None for key in self.ending or {})

    def _end_others(self, connection: Connection) -> bool:
        return all(_end(connection, key, data) for key, data in (self.ending or {}).items())


def end(connection: Connection, key: str, data: bytes) -> bool:
    """Delete a session, and its entry, if it holds *data*."""
    with connection.transaction():
        return _end(connection, key, data)


def _end(connection: Connection, key: str, data: bytes) -> bool:
    if not connection.query(statements.END, {"key": key, "data": data}).rowcount:
        return False
    connection.query(statements.ENTRY_DELETE, {"key": key})
    return True


def _enter(connection: Connection, row: Mapping[str, Any], principal: str) -> None:
    entry = {"key": row["key"], "expiry": row["expiry"], "id": f"{hash_token(principal)}:{row['key']}"}
    if principal and connection.query(statements.ENTRY_UPDATE, entry).rowcount:
        return
    connection.query(statements.ENTRY_DELETE, entry)
    if principal:
        connection.query(statements.ENTRY_INSERT, entry)
