"""The processes of a soak that put load on the database and check every answer against what they know.

Keys belong to one process each, so what a row must hold is known exactly, whatever the others do and however
often the server is killed: an acknowledged write is there, a refused one is not, and of one whose outcome
stayed open either is right, once.
"""

from datetime import UTC, datetime, timedelta

import psycopg

import chaisql
from benchmarks.soak.site import PATIENCE, Report, Site
from wsgi_chaisession import StoreUnavailable
from wsgi_chaisession.tokens import generate, hash_token

LIVE = 400  # sessions that one worker keeps
FOREVER = timedelta(days=1)  # outlives every soak
ACCOUNTS = 16
BALANCE = 1000


class Worker:
    """One web worker's sessions: made, changed, extended, found, ended."""

    def __init__(self, site: Site, name: str) -> None:
        self._site = site
        self._random = site.random(name)
        self._store = site.store()
        self._known: dict[str, set[bytes | None]] = {}  # key → what the row may hold; None: no row
        self.report = Report(name)

    def run(self) -> Report:
        """Work until the soak stops, then look at every row once more."""
        actions = [
            self._insert,
            self._replace,
            self._replace,
            self._touch,
            self._find,
            self._find,
            self._delete,
            self._guest,
        ]
        self._site.ready.wait(PATIENCE)
        while not self._site.stop.is_set():
            action = self._insert if len(self._known) < LIVE else self._random.choice(actions)
            try:
                action()
            except StoreUnavailable:
                self.report.done["unavailable"] += 1
            self.report.done["calls"] += 1
        for key in list(self._known):
            self._check(key)
        self._store.close()
        return self.report

    def _pick(self) -> str:
        return self._random.choice(list(self._known))

    def _data(self) -> bytes:
        return self._random.randbytes(self._random.choice((40, 256, 256, 256, 4000)))

    def _expiry(self) -> datetime:
        return datetime.now(UTC) + FOREVER + timedelta(microseconds=self._random.randrange(10**9))

    def _insert(self) -> None:
        key, data = hash_token(generate()), self._data()
        self._known[key] = {None, data}
        if not self._store.insert(key, data, self._expiry()):
            self.report.mismatch("an insert of a new key found it taken")
        self._known[key] = {data}

    def _replace(self) -> None:
        key = self._pick()
        old = self._settle(key)
        if old is None:
            return
        data = self._data()
        self._known[key] = {old, data}
        if not self._store.replace(key, old, data, self._expiry()):
            self.report.mismatch("a compare-and-swap on the row's own data was refused")
        self._known[key] = {data}

    def _touch(self) -> None:
        key = self._pick()
        held = self._settle(key) is not None
        if self._store.touch(key, self._expiry()) != held:
            self.report.mismatch("a touch answered wrongly whether the row is there")

    def _find(self) -> None:
        self._check(self._pick())

    def _delete(self) -> None:
        key = self._pick()
        held = self._settle(key) is not None
        self._known[key].add(None)
        if self._store.delete(key) != held:
            self.report.mismatch("a delete answered wrongly whether the row was there")
        self._check(key, gone=True)
        del self._known[key]

    def _guest(self) -> None:
        """A session for the reaper."""
        lives = timedelta(seconds=self._random.uniform(0.5, 5))
        self._store.insert(hash_token(generate()), self._data(), datetime.now(UTC) + lives)
        self.report.done["guests"] += 1

    def _settle(self, key: str) -> bytes | None:
        """What the row holds, looked up only when an outcome was left open."""
        possible = self._known[key]
        return self._check(key) if len(possible) > 1 else next(iter(possible))

    def _check(self, key: str, *, gone: bool = False) -> bytes | None:
        possible = {None} if gone else self._known[key]
        record = self._store.find(key)
        found = record.data if record else None
        if found not in possible:
            what = (
                "no row"
                if found is None
                else f"{len(found)} bytes that were never acknowledged or were replaced"
            )
            self.report.mismatch(f"{what} where {len(possible)} other states were possible")
        self._known[key] = {found}
        return found


def worker(site: Site, name: str) -> None:
    """Run one Worker as a process."""
    site.reports.put(Worker(site, name).run())


def snapshots(site: Site, name: str) -> None:
    """Hold read transactions open while everything changes, and count and page in them."""
    report, random = Report(name), site.random(name)
    site.ready.wait(PATIENCE)
    while not site.stop.is_set():
        try:
            with chaisql.connect(str(site.directory), autocommit=True) as connection:
                connection.execute("BEGIN READ ONLY")
                _look(connection, report)
                site.pause(random.uniform(0.1, 4))
                _look(connection, report)
                connection.execute("COMMIT")
                report.done["snapshots"] += 1
        except psycopg.OperationalError:
            report.done["interrupted"] += 1
    site.reports.put(report)


def _look(connection: psycopg.Connection, report: Report) -> None:
    counted = connection.execute("SELECT count(*) FROM sessions").fetchone()
    paged, after = 0, ""
    while rows := connection.execute(
        "SELECT token FROM sessions WHERE token > %s ORDER BY token LIMIT 500", [after]
    ).fetchall():
        paged, after = paged + len(rows), rows[-1][0]
    if counted is None or counted[0] != paged:
        report.mismatch(f"a snapshot counted {counted} sessions and paged through {paged}")
    _audit_accounts(connection, report)
    report.done["looks"] += 1


def _audit_accounts(connection: psycopg.Connection, report: Report) -> None:
    balances = [row[0] for row in connection.execute("SELECT balance FROM soak_accounts").fetchall()]
    if sum(balances) != ACCOUNTS * BALANCE:
        report.mismatch(f"{len(balances)} accounts hold {sum(balances)}, not {ACCOUNTS * BALANCE}")


def open_accounts(site: Site) -> None:
    """Make the table that transfers() works on."""
    with chaisql.connect(str(site.directory), autocommit=True) as connection:
        connection.execute("CREATE TABLE soak_accounts (name TEXT PRIMARY KEY, balance BIGINT NOT NULL)")
        for number in range(ACCOUNTS):
            connection.execute("INSERT INTO soak_accounts VALUES (%s, %s)", [f"account-{number}", BALANCE])


def transfers(site: Site, name: str) -> None:
    """Explicit transactions over two rows, some rolled back: the sum never changes."""
    report, random = Report(name), site.random(name)
    site.ready.wait(PATIENCE)
    while not site.stop.is_set():
        try:
            with chaisql.connect(str(site.directory)) as connection:
                while site.pause(random.uniform(0, 0.02)):
                    _transfer(connection, *random.sample(range(ACCOUNTS), 2), keep=random.random() < 0.8)
                    report.done["transactions"] += 1
        except psycopg.OperationalError:
            report.done["interrupted"] += 1
    site.reports.put(report)


def _transfer(connection: psycopg.Connection, source: int, target: int, *, keep: bool) -> None:
    move = "UPDATE soak_accounts SET balance = balance + %s WHERE name = %s"
    connection.execute(move, [-1, f"account-{source}"])
    connection.execute(move, [1, f"account-{target}"])
    if keep:
        connection.commit()
    else:
        connection.rollback()
