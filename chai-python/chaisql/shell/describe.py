"""What \\d tells: tables and indexes, or one table with its columns, asked as PostgreSQL may be asked too."""

from collections.abc import Iterator, Sequence
from typing import LiteralString

from chaisql.dial import Connection
from chaisql.shell.table import draw, printable

_TABLES: LiteralString = """
    SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name
"""
_NAMES: LiteralString = """
    SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'
"""
_COLUMNS: LiteralString = """
    SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position
"""
_ALL_INDEXES: LiteralString = """
    SELECT indexname, tablename FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname
"""
_INDEXES: LiteralString = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename = %s ORDER BY indexname
"""


def tables(connection: Connection) -> list[str]:
    """The names of the tables."""
    return [name for (name,) in connection.execute(_TABLES)]


def names(connection: Connection) -> set[str]:
    """Of the tables and their columns."""
    return {name for row in connection.execute(_NAMES) for name in row}


def describe_tables(connection: Connection) -> Iterator[str]:
    """The names of the tables."""
    yield from _listed(["Table"], [(name,) for name in tables(connection)], nothing="There are no tables.")


def describe_indexes(connection: Connection) -> Iterator[str]:
    """The indexes with their tables."""
    indexes = connection.execute(_ALL_INDEXES).fetchall()
    yield from _listed(["Index", "Table"], indexes, nothing="There are no indexes.")


def describe_relations(connection: Connection) -> Iterator[str]:
    """The tables, and the indexes with their tables."""
    relations = [(name, "table", "") for name in tables(connection)]
    relations += [(name, "index", table) for name, table in connection.execute(_ALL_INDEXES)]
    yield from _listed(["Name", "Type", "Table"], relations, nothing="There are no tables.")


def _listed(heads: list[str], rows: Sequence[Sequence[str]], *, nothing: str) -> Iterator[str]:
    yield from draw(heads, rows, [False] * len(heads)) if rows else [nothing]


def describe_table(connection: Connection, name: str) -> Iterator[str]:
    """The columns and indexes of a table; LookupError if there is none of that name."""
    columns = connection.execute(_COLUMNS, (name,)).fetchall()
    if not columns:
        raise LookupError(f"there is no table {printable(name)}; \\d lists them")
    yield f"Table {printable(name)}"
    rows = [
        (column, kind, "" if nullable == "YES" else "not null", default)
        for column, kind, nullable, default in columns
    ]
    yield from draw(["Column", "Type", "Nullable", "Default"], rows, [False] * 4)
    yield "Indexes:"
    for index, definition in connection.execute(_INDEXES, (name,)):
        key = definition.partition(" USING btree ")[2]
        kind = "PRIMARY KEY, " if index == f"{name}_pkey" else ""
        yield f"    {printable(index)} {kind}{printable(key)}"
