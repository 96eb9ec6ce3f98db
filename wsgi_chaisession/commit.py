"""One commit: a draft's changes go to the store, whoever else is at work on the same session.

Every write is guarded: it is done only if all the rows that it rests on are as this request saw
them, and then all at once. When it is refused, the request looks at those rows again, puts its own
changes on top of what is there now, and writes anew. A session that has ended meanwhile is never
brought back.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cache
from time import monotonic

from . import tokens
from .draft import Absorbed, Attempt, Draft, Stored
from .errors import SessionConflict
from .payload import absorb
from .rows import Rows
from .store import Record, Store

logger = logging.getLogger(__name__)

Look = Callable[[str], Record | None]

# Tries of one guarded write. Each that is refused means that another request won, so this many
# requests have to change one session at once before one of them fails.
ATTEMPTS = 32


class Commit:
    """Writes one draft, once.

    :param timeout: seconds in which all calls of the store end together.
    """

    def __init__(
        self, store: Store, rows: Rows, draft: Draft, *, counters: Counter[str], timeout: float
    ) -> None:
        self._store = store
        self._rows = rows
        self._draft = draft
        self._counters = counters
        self._timeout = timeout
        self._until = monotonic() + timeout
        self._refused = 0

    def run(self) -> None:
        """Write what has changed; afterwards ``draft.stored`` is what the store holds."""
        if self._draft.attempt is not None and self._settled():  # of an earlier commit, which failed
            return
        while not self._write():
            self._refused += 1
            if self._settled():
                return

    def touch(self, old: Stored, expiry: datetime) -> None:
        """Move the expiry alone."""
        if self._in_time().touch(old.key, expiry, principal=old.principal):
            self._draft.stored = replace(old, expiry=expiry)
        else:
            self._bury(old)

    # -- writing ---------------------------------------------------------------

    def _write(self) -> bool:
        """One try of all that has to be done; False when it was refused, and then nothing was done."""
        draft, old = self._draft, self._draft.stored
        if old is not None and draft.token == old.token:
            return self._replace(old)
        return self._end() if draft.payload.empty else self._insert()

    def _replace(self, old: Stored) -> bool:
        row = self._rows.row(self._draft.payload, old.key, old.token)
        ending = self._begin(row)
        done = self._in_time().replace(
            old.key, old.data, row.data, row.expiry, principal=_index_entry(old, row), ending=ending
        )
        return done and self._finish(row)

    def _insert(self) -> bool:
        """A new session, or one that gets a new token: then its old row ends in the same moment."""
        draft = self._draft
        draft.token = draft.token or tokens.generate()
        row = self._rows.row(draft.payload, tokens.hash_token(draft.token), draft.token)
        ending = self._begin(row)
        done = self._in_time().insert(row.key, row.data, row.expiry, principal=row.principal, ending=ending)
        return done and self._finish(row)

    def _begin(self, row: Stored) -> dict[str, bytes]:
        """Note what is about to be tried; returns the rows that end with it."""
        draft = self._draft
        ending = {other.row.key: other.row.data for other in draft.absorbed}
        if draft.stored is not None and draft.stored.key != row.key:
            ending[draft.stored.key] = draft.stored.data
        draft.attempt = Attempt(row, ending)
        return ending

    def _finish(self, row: Stored) -> bool:
        draft = self._draft
        draft.stored, draft.attempt = row, None
        draft.absorbed.clear()
        return True

    def _end(self) -> bool:
        """An empty session needs no row: those that it had, or took over, go."""
        draft, old = self._draft, self._draft.stored
        if old is not None:
            if not self._in_time().delete(old.key, data=old.data):
                return False
            draft.stored = None
        while draft.absorbed:
            row = draft.absorbed[0].row
            if not self._in_time().delete(row.key, data=row.data):
                return False
            del draft.absorbed[0]
        draft.token = None
        return True

    # -- when another request was faster ---------------------------------------

    def _settled(self) -> bool:
        """Catch up with the others; whether nothing is left to write then."""
        self._catch_up()
        return not self._rows.changed(self._draft)

    def _catch_up(self) -> None:
        """Look again at every row that a refused or failed write rested on."""
        draft, attempt = self._draft, self._draft.attempt
        look = cache(self._look)
        if attempt is not None and _has_landed(attempt, look):
            draft.stored = attempt.row
            draft.absorbed = [other for other in draft.absorbed if other.row.key not in attempt.ending]
            draft.attempt = None
            return
        draft.attempt = None
        if draft.stored is not None:
            self._look_at_own(draft.stored, look)
        for other in list(draft.absorbed):
            self._look_at_absorbed(other, look)

    def _look(self, key: str) -> Record | None:
        return self._rows.find(self._in_time(), key)

    def _look_at_own(self, old: Stored, look: Look) -> None:
        record = look(old.key)
        theirs = self._rows.decode(old.key, record.data) if record else None
        if record is None or theirs is None:
            self._bury(old)
        elif record.data != old.data:
            self._note_conflict(old)
            if self._rows.policy.on_conflict == "merge":
                base = self._rows.decode_own(old.data)
                self._draft.payload = self._rows.rebased(self._draft.payload, base, theirs)
            self._draft.stored = self._rows.stored(old.key, old.token, record, theirs)

    def _look_at_absorbed(self, other: Absorbed, look: Look) -> None:
        """If it has changed take it over as it is now, and if it has ended give back what came from it."""
        draft, rows = self._draft, self._rows
        key, record = other.row.key, look(other.row.key)
        if record is not None and record.data == other.row.data:
            return
        merged, now = rows.decode_own(other.before), rows.decode_own(other.before)
        absorb(merged, rows.decode_own(other.row.data))
        theirs = rows.decode(key, record.data) if record else None
        if record is None or theirs is None:
            self._note_gone(other.row, "was merged into another; its values are left out")
            draft.absorbed = [kept for kept in draft.absorbed if kept is not other]
        else:
            self._note_conflict(other.row)
            absorb(now, theirs)
            other.row = rows.stored(key, other.row.token, record, theirs)
        draft.payload = rows.rebased(draft.payload, merged, now)

    def _bury(self, old: Stored) -> None:
        """The session has ended: by a logout, by expiring, or because its token was renewed."""
        draft, fresh = self._draft, self._rows.fresh()
        if draft.token == old.token:
            self._note_gone(old, "was used; changes dropped")
            draft.payload, draft.token, draft.absorbed = fresh.payload, None, []
            draft.gone = True
        else:  # a login may go on with what it brought itself, and nothing of the dead session
            self._note_gone(old, "was being renewed; only that request's own changes are kept")
            base = self._rows.decode_own(old.data)
            draft.payload = self._rows.rebased(draft.payload, base, fresh.payload)
        draft.origin = draft.stored = None

    def _note_gone(self, row: Stored, when: str) -> None:
        self._counters["gone"] += 1
        logger.info("session %s has gone while it %s", tokens.label(row.key), when)

    def _note_conflict(self, row: Stored) -> None:
        self._counters["conflict"] += 1
        if self._rows.policy.on_conflict == "error":
            raise SessionConflict(f"session {tokens.label(row.key)} was changed by another request")

    # -- time ------------------------------------------------------------------

    def _in_time(self) -> Store:
        """The store for one more call, which ends before the commit's time does."""
        left = self._until - monotonic()
        if left <= 0 or self._refused >= ATTEMPTS:
            raise SessionConflict(
                f"other requests changed the session {self._refused} times while this one tried to save it "
                f"for {self._timeout - left:.1f} s; nothing was saved"
            )
        return self._store.with_timeout(left)


def _has_landed(attempt: Attempt, look: Look) -> bool:
    """Whether the write was done although no answer, or the wrong one, said so."""
    record = look(attempt.row.key)
    if record is None or record.data != attempt.row.data:
        return False
    # A key is never used again: what is still there, or there again with other data, was not ended by us.
    return all(look(key) is None for key in attempt.ending)


def _index_entry(old: Stored, row: Stored) -> str | None:
    """What Store.replace must do to the principal index; usually nothing."""
    if row.principal != old.principal:
        return row.principal or ""
    return row.principal if row.expiry != old.expiry else None
