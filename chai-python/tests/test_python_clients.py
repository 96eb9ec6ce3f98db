"""Other Python libraries on our server: psycopg's asyncio half and its pools, asyncpg, SQLAlchemy."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import quote

import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import chaisql

SECONDS = 30
CREATE = (
    "CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT, data BYTEA,"
    " price DOUBLE PRECISION, sold BOOLEAN, at TIMESTAMP, count INTEGER)"
)
ROW = (2**40, "naïve ☃", b"\0\xff", 0.1, True, datetime(2030, 1, 2, 3, 4, 5, 678901), -7)  # noqa: DTZ001
EMPTY = (1, None, None, None, None, None, None)


@pytest.fixture(scope="module")
def server() -> Iterator[chaisql.Server]:
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("WRITER_WAIT", "IDLE_IN_TRANSACTION", "TRANSACTION_TURN"):  # on a busy machine
            patch.setenv(f"CHAISQLD_{limit}", "1m")
        with chaisql.Server(":memory:") as running:
            yield running


@pytest.fixture
def dsn(server: chaisql.Server) -> Iterator[str]:
    """Of a database with an empty table."""
    with server.connect(autocommit=True) as connection:
        connection.execute(CREATE)
        yield server.dsn
        connection.execute("DROP TABLE items")


def folder(dsn: str) -> str:
    """Where the server's socket is."""
    return str(conninfo_to_dict(dsn)["host"])


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, SECONDS))


class TestPsycopg:
    @pytest.mark.parametrize("binary", [False, True])
    def test_async(self, dsn: str, binary: bool) -> None:
        async def work() -> None:
            async with await psycopg.AsyncConnection.connect(dsn) as connection:
                async with connection.cursor(binary=binary) as cursor:
                    await cursor.executemany(f"INSERT INTO items VALUES ({'%s,' * 6} %s)", [ROW, EMPTY])
                    await cursor.execute("SELECT * FROM items ORDER BY id")
                    assert [row async for row in cursor] == [EMPTY, ROW]
                async with connection.pipeline():
                    cursors = [await connection.execute("SELECT %s::int", (n,)) for n in range(20)]
                assert [await cursor.fetchone() for cursor in cursors] == [(n,) for n in range(20)]
                async with connection.cursor() as cursor:
                    query = "SELECT id FROM items WHERE id > %s"
                    assert [row async for row in cursor.stream(query, (1,), size=2)] == [(2**40,)]

        run(work())

    def test_an_async_task_is_cancelled_with_its_statement(self, dsn: str, server: chaisql.Server) -> None:
        async def work(holder: psycopg.Connection[Any]) -> None:
            async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
                insert = asyncio.create_task(connection.execute("INSERT INTO items (id) VALUES (1)"))
                while connection.info.transaction_status is not psycopg.pq.TransactionStatus.ACTIVE:
                    await asyncio.sleep(0.001)
                insert.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await insert
                holder.rollback()
                assert await (await connection.execute("SELECT id FROM items")).fetchall() == []

        with server.connect() as holder:
            holder.execute("INSERT INTO items (id) VALUES (1)")  # the writer is ours until the end
            run(work(holder))

    @pytest.mark.parametrize("cursor_class", [psycopg.Cursor, psycopg.ClientCursor, psycopg.RawCursor])
    def test_ways_to_bind(self, dsn: str, cursor_class: type[psycopg.Cursor[Any]]) -> None:
        """On the server, in the client, and with PostgreSQL's own placeholders."""
        raw = cursor_class is psycopg.RawCursor
        marks = ", ".join(f"${n}" for n in range(1, 8)) if raw else ", ".join(["%s"] * 7)
        with psycopg.connect(dsn) as connection, cursor_class(connection) as cursor:
            for row in (ROW, EMPTY):
                cursor.execute(f"INSERT INTO items VALUES ({marks})", row)
            assert cursor.execute("SELECT * FROM items ORDER BY id").fetchall() == [EMPTY, ROW]

    def test_what_is_refused(self, dsn: str) -> None:
        """With the reason: cursors that are declared, COPY, savepoints, notifications."""
        with psycopg.connect(dsn, autocommit=True) as connection:
            with connection.cursor("named") as named:
                with pytest.raises(psycopg.NotSupportedError, match="DECLARE"):
                    named.execute("SELECT 1")
            with connection.cursor() as cursor, pytest.raises(psycopg.NotSupportedError, match="COPY"):
                with cursor.copy("COPY items TO STDOUT"):
                    pass
            with pytest.raises(psycopg.NotSupportedError, match="SAVEPOINT"):
                with connection.transaction(), connection.transaction():
                    pass
            with pytest.raises(psycopg.NotSupportedError, match="LISTEN"):
                connection.execute("LISTEN news")

    def test_pool(self, dsn: str) -> None:
        def raise_it(pool: ConnectionPool[Any]) -> None:
            for _ in range(10):
                with pool.connection() as connection:
                    connection.execute("UPDATE items SET count = count + 1 WHERE id = 1")

        check = ConnectionPool.check_connection
        with ConnectionPool(dsn, min_size=2, max_size=3, open=True, check=check, timeout=SECONDS) as pool:
            with pool.connection() as connection:
                connection.execute("INSERT INTO items (id, count) VALUES (1, 0)")
            with ThreadPoolExecutor(6) as threads:
                list(threads.map(raise_it, [pool] * 6))
            with pool.connection() as connection:
                assert connection.execute("SELECT count FROM items").fetchone() == (60,)

    def test_async_pool(self, dsn: str) -> None:
        async def insert_one(pool: AsyncConnectionPool[Any], key: int) -> None:
            async with pool.connection() as connection:
                await connection.execute("INSERT INTO items (id) VALUES (%s)", (key,))

        async def work() -> None:
            async with AsyncConnectionPool(dsn, min_size=1, max_size=3, open=False) as pool:
                await asyncio.gather(*(insert_one(pool, key) for key in range(12)))
                async with pool.connection() as connection:
                    cursor = await connection.execute("SELECT count(*) FROM items")
                    assert await cursor.fetchone() == (12,)

        run(work())


def place(dsn: str) -> dict[str, Any]:
    """asyncpg would hand settings of libpq's, such as gssencmode, to the server."""
    return {"host": folder(dsn), "user": "chai", "database": "chai"}


class TestAsyncpg:
    def test_values_cursors_and_transactions(self, dsn: str) -> None:
        async def work() -> None:
            connection = await asyncpg.connect(**place(dsn))
            await connection.executemany(
                "INSERT INTO items VALUES ($1, $2, $3, $4, $5, $6, $7)", [ROW, EMPTY]
            )
            assert [tuple(row) for row in await connection.fetch("SELECT * FROM items ORDER BY id")] == [
                EMPTY,
                ROW,
            ]
            with pytest.raises(asyncpg.UniqueViolationError):
                async with connection.transaction():
                    await connection.execute("INSERT INTO items (id) VALUES (5)")
                    await connection.execute("INSERT INTO items (id) VALUES (1)")
            await connection.executemany("INSERT INTO items (id) VALUES ($1)", [(n,) for n in range(10, 40)])
            async with connection.transaction(isolation="serializable", readonly=True):
                rows = connection.cursor("SELECT id FROM items WHERE id < $1 ORDER BY id", 40, prefetch=7)
                assert [row["id"] async for row in rows] == [1, *range(10, 40)]
            await connection.close()

        run(work())

    def test_pool(self, dsn: str) -> None:
        """A connection that goes back is reset with what asyncpg has for that."""

        async def work() -> None:
            async with asyncpg.create_pool(**place(dsn), min_size=1, max_size=2) as pool:
                await asyncio.gather(
                    *(pool.execute("INSERT INTO items (id) VALUES ($1)", n) for n in range(9))
                )
                assert await pool.fetchval("SELECT count(*) FROM items") == 9

        run(work())

    def test_what_is_refused(self, dsn: str) -> None:
        """Arrays, whose types it looks up in the catalogue, COPY and nested transactions."""

        async def work() -> None:
            connection = await asyncpg.connect(**place(dsn))
            with pytest.raises(asyncpg.FeatureNotSupportedError, match="current_setting"):
                await connection.fetch("SELECT id FROM items WHERE id = ANY($1)", [1, 2])
            with pytest.raises(asyncpg.FeatureNotSupportedError, match="COPY"):
                await connection.copy_records_to_table("items", records=[(1,)], columns=["id"])
            with pytest.raises(asyncpg.FeatureNotSupportedError, match="SAVEPOINT"):
                async with connection.transaction(), connection.transaction():
                    pass
            await connection.close()

        run(work())


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str | None] = mapped_column(sa.Text)
    data: Mapped[bytes | None]
    price: Mapped[float | None] = mapped_column(sa.Double)
    sold: Mapped[bool | None]
    at: Mapped[datetime | None]
    count: Mapped[int | None]


@pytest.fixture
def engine(server: chaisql.Server) -> Iterator[sa.Engine]:
    """SQLAlchemy's, without the question for a type of PostgreSQL's that is not here."""
    host = quote(folder(server.dsn), safe="")
    engine = sa.create_engine(f"postgresql+psycopg://chai@/chai?host={host}", use_native_hstore=False)
    Base.metadata.create_all(engine, checkfirst=False)
    yield engine
    Base.metadata.drop_all(engine, checkfirst=False)
    engine.dispose()


class TestSQLAlchemy:
    def test_objects(self, engine: sa.Engine) -> None:
        with Session(engine) as session:
            session.add_all(Item(id=number, name=str(number)) for number in range(50))
            session.commit()
            item = session.get_one(Item, 3)
            item.name = "three"
            session.commit()
            found = session.scalars(
                sa.select(Item).where(Item.name.in_(["three", "4"]), Item.id > 1).order_by(Item.id).limit(10)
            )
            assert [found.id for found in found] == [3, 4]
            session.delete(item)
            session.commit()
            assert session.scalar(sa.select(sa.func.count()).select_from(Item)) == 49

    def test_core(self, engine: sa.Engine) -> None:
        names = [column.name for column in Item.__table__.columns]
        with engine.begin() as connection:
            connection.execute(sa.insert(Item).values(dict(zip(names, ROW, strict=True))))
            assert connection.execute(sa.select(Item.__table__)).one() == ROW
            upsert = insert(Item).values(id=ROW[0], name="new")
            connection.execute(
                upsert.on_conflict_do_update(index_elements=["id"], set_={"name": upsert.excluded.name})
            )
            changed = (
                sa.update(Item).where(Item.id == ROW[0]).values(count=5).returning(Item.name, Item.count)
            )
            assert connection.execute(changed).one() == ("new", 5)
        with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
            connection.execute(sa.insert(Item).values(id=ROW[0]))

    @pytest.mark.parametrize("level", ["SERIALIZABLE", "REPEATABLE READ", "READ COMMITTED", "AUTOCOMMIT"])
    def test_isolation(self, engine: sa.Engine, level: Any) -> None:
        with engine.connect().execution_options(isolation_level=level) as connection:
            assert connection.execute(sa.select(Item)).all() == []

    def test_what_is_refused(self, engine: sa.Engine) -> None:
        """Reflection, which asks PostgreSQL's catalogue, and savepoints."""
        with pytest.raises(sa.exc.NotSupportedError, match="there is no pg_catalog"):
            sa.inspect(engine).get_table_names()
        with pytest.raises(sa.exc.NotSupportedError, match="SAVEPOINT"), engine.begin() as connection:
            connection.begin_nested()
