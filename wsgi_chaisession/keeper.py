"""Keeper: what is between sessions and their rows. It joins token hashing, codec and store."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from time import monotonic

from . import tokens
from .codec import Codec
from .commit import Commit
from .draft import Absorbed, Draft
from .payload import absorb
from .rows import Clock, Policy, Rows
from .store import Record, Store


class Keeper:
    """Loads, commits and discards sessions for one middleware; holds none of them.

    Its failures are StoreError.

    :param store_timeout: seconds after which a load or a commit is given up.
    """

    def __init__(self, store: Store, codec: Codec, policy: Policy, *, store_timeout: float = 2.0) -> None:
        self.counters: Counter[str] = Counter()
        self._timeout = store_timeout
        self._store = store.with_timeout(store_timeout)
        self._rows = Rows(codec, policy, self.counters)

    @property
    def clock(self) -> Clock:
        return self._rows.clock

    @clock.setter
    def clock(self, clock: Clock) -> None:
        self._rows.clock = clock

    # -- what a session needs --------------------------------------------------

    def now(self) -> datetime:
        return self._rows.clock()

    def fresh(self) -> Draft:
        return self._rows.fresh()

    def fresh_deadline(self) -> datetime:
        return self._rows.fresh_deadline()

    def idle_timeout(self, draft: Draft) -> timedelta | None:
        return self._rows.idle_timeout(draft.payload)

    def open(self, candidates: Sequence[str]) -> Draft:
        """The session of the first token that has one, or a new one: a client never chooses its token."""
        store, until = self._store, monotonic() + self._timeout
        for token in candidates:
            key = tokens.hash_token(token)
            record = self._rows.find(store, key)
            draft = record and self._opened(key, token, record)
            if draft:
                return draft
            store = self._store.with_timeout(max(until - monotonic(), 0.01))
        return self._rows.fresh()

    def changed(self, draft: Draft) -> bool:
        """Whether a commit would write more than an expiry."""
        return self._rows.changed(draft)

    def save(self, draft: Draft) -> None:
        """Commit *draft*; afterwards ``draft.stored`` is what the store holds."""
        if self._rows.changed(draft):
            self._commit(draft).run()
        elif draft.stored is not None:
            expiry = self._rows.touched(draft.payload, draft.stored)
            if expiry is not None:
                self._commit(draft).touch(draft.stored, expiry)

    def absorb(self, draft: Draft, other: Draft) -> None:
        """Take over another session, which ends when *draft* is saved."""
        assert other.stored is not None, "only a stored session has an end"  # noqa: S101 - for the type checker
        before = self._rows.encode(draft.payload)
        absorb(draft.payload, other.payload)
        draft.absorbed.append(Absorbed(other.stored, before))

    def discard(self, key: str) -> None:
        self._store.delete(key)

    def discard_others(self, principal: str, key: str | None) -> int:
        return self._store.delete_principal(principal, except_key=key)

    def discard_of(self, principal: str, key: str) -> bool:
        """Discard a session if it is *principal*'s, also one that cannot be read."""
        if key not in self._store.find_principal(principal):
            return False
        record = self._rows.find(self._store, key)
        payload = self._rows.decode(key, record.data) if record else None
        if payload is not None and payload.principal != principal:
            return False
        return self._store.delete(key)

    # -- sessions met by their keys --------------------------------------------

    def active(self) -> Iterator[Draft]:
        """Every active session; those that cannot be read are passed over."""
        drafts = (self._opened(key, None, record) for key, record in self._store.all())
        return (draft for draft in drafts if draft is not None)

    def of_principal(self, principal: str) -> Iterator[Draft]:
        """The active sessions of one principal."""
        for key in self._store.find_principal(principal):
            record = self._rows.find(self._store, key)
            draft = record and self._opened(key, None, record)
            if draft:
                yield draft

    def seen(self, draft: Draft) -> datetime | None:
        """When the session was last in use, as its expiry tells; None without an idle timeout."""
        return self._rows.seen(draft)

    def _opened(self, key: str, token: str | None, record: Record) -> Draft | None:
        payload = self._rows.decode(key, record.data)
        if payload is None or payload.deadline <= self._rows.clock():
            return None
        stored = self._rows.stored(key, token, record, payload)
        return Draft(payload, stored, stored, token)

    def _commit(self, draft: Draft) -> Commit:
        return Commit(self._store, self._rows, draft, counters=self.counters, timeout=self._timeout)
