"""SessionKeeper: the road between a session and its row.

It joins token hashing, codec and store, and settles what happens when another
request was faster: changes are guarded (compare-and-swap on the loaded bytes),
merged key by key, and a session that was destroyed meanwhile is never brought
back.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from . import tokens
from .codec import Codec
from .draft import Draft, Stored
from .errors import DecodeError, SessionConflict
from .payload import INHERIT, Payload, rebase
from .store import Record, Store

logger = logging.getLogger(__name__)

OnConflict = Literal["merge", "overwrite", "error"]
Clock = Callable[[], datetime]
# Tries of one compare-and-swap. Each lost one means that another request won, so this many
# requests have to change one session at once before one of them fails.
ATTEMPTS = 32


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How long sessions live and who wins a conflict."""

    lifetime: timedelta
    idle_timeout: timedelta | None
    touch_interval: timedelta
    on_conflict: OnConflict


class SessionKeeper:
    """Loads, commits and discards sessions for one middleware; holds none of them."""

    def __init__(self, store: Store, codec: Codec, policy: Policy) -> None:
        self._store = store
        self._codec = codec
        self._policy = policy
        self.clock: Clock = utc_now
        self.counters: Counter[str] = Counter()

    # -- what a session needs --------------------------------------------------

    @property
    def idle_timeout(self) -> timedelta | None:
        return self._policy.idle_timeout

    def now(self) -> datetime:
        return self.clock()

    def fresh_deadline(self) -> datetime:
        return self.now() + self._policy.lifetime

    def fresh(self) -> Draft:
        return Draft(Payload(deadline=self.fresh_deadline()))

    def open(self, token: str | None) -> Draft:
        """The session of *token*, or a new one: a client never chooses its token."""
        if token is None:
            return self.fresh()
        key = tokens.hash_token(token)
        record = self._store.find(key)
        return (record and self._opened(key, token, record)) or self.fresh()

    def active(self) -> Iterator[Draft]:
        """Every active session, met by its key; those that cannot be read are passed over."""
        drafts = (self._opened(key, None, record) for key, record in self._store.all())
        return (draft for draft in drafts if draft is not None)

    def of_principal(self, principal: str) -> Iterator[Draft]:
        """The active sessions of one principal."""
        for key in self._store.find_principal(principal):
            record = self._store.find(key)
            draft = record and self._opened(key, None, record)
            if draft:
                yield draft

    def changed(self, draft: Draft) -> bool:
        """Whether a commit would write more than an expiry."""
        if draft.stored is None:
            return not draft.payload.empty
        if draft.token != draft.stored.token or draft.obsolete:
            return True
        return draft.suspect and self._encode(draft.payload) != draft.stored.data

    def save(self, draft: Draft) -> None:
        """Commit *draft*; afterwards ``draft.stored`` is what the store holds."""
        if draft.stored is None:
            self._create(draft)
        elif draft.token != draft.stored.token:
            self._move(draft, draft.stored)
        elif self.changed(draft):
            self._replace(draft)
        else:
            self._touch(draft, draft.stored)
        if draft.obsolete:
            self._drop_obsolete(draft)

    def discard(self, key: str) -> None:
        self._store.delete(key)

    def discard_others(self, principal: str, key: str | None) -> int:
        return self._store.delete_principal(principal, except_key=key)

    def seen(self, draft: Draft) -> datetime | None:
        """When the session was last in use, as its expiry tells; None without an idle timeout."""
        idle = self._idle(draft.payload)
        return draft.stored.expiry - idle if draft.stored and idle else None

    # -- the four ways of a commit ---------------------------------------------

    def _create(self, draft: Draft) -> None:
        draft.stored = self._insert(draft)

    def _replace(self, draft: Draft) -> None:
        for _ in range(ATTEMPTS):
            old = draft.stored
            if old is None:  # gone meanwhile
                return
            row = self._row(draft.payload, old.key, old.token)
            entry = _index_entry(old, row)
            if self._store.replace(old.key, old.data, row.data, row.expiry, principal=entry):
                draft.stored = row
                return
            self._catch_up(draft, old, self._store.find(old.key))
        raise SessionConflict(
            f"session changed under this request {ATTEMPTS} times in a row; nothing was saved"
        )

    def _touch(self, draft: Draft, old: Stored) -> None:
        expiry = self._expiry(draft.payload)
        if expiry <= old.expiry or expiry - old.expiry < self._policy.touch_interval:
            return
        if self._store.touch(old.key, expiry, principal=old.principal):
            draft.stored = replace(old, expiry=expiry)
        else:
            self._drop(draft, old)

    def _move(self, draft: Draft, old: Stored) -> None:
        """Renew: the new row first, then the old one goes.

        If the old one is gone already (destroyed, or renewed by a parallel
        request), its values stay dead; what this request itself set survives.
        """
        record = self._store.find(old.key)
        if record is None:
            self._start_over(draft, old)
        elif record.data != old.data:
            self._catch_up(draft, old, record)
        draft.stored = self._insert(draft)
        draft.obsolete.append(old.key)
        if old.key in self._drop_obsolete(draft) and record is not None:
            self._withdraw_move(draft, old)

    def _withdraw_move(self, draft: Draft, old: Stored) -> None:
        """The old row went between the look and the insert: the new one knows too much."""
        if draft.stored is not None:
            self._store.delete(draft.stored.key)
        self._start_over(draft, old)
        draft.token = tokens.generate()
        draft.stored = self._insert(draft)

    def _insert(self, draft: Draft) -> Stored | None:
        if draft.payload.empty:
            draft.token = None
            return None
        draft.token = draft.token or tokens.generate()
        row = self._row(draft.payload, tokens.hash_token(draft.token), draft.token)
        if not self._store.insert(row.key, row.data, row.expiry, principal=row.principal):
            raise SessionConflict(f"session {_name(row)} exists already")
        return row

    def _drop_obsolete(self, draft: Draft) -> list[str]:
        """Delete what renew and merge left behind; returns those that were gone already."""
        missing: list[str] = []
        while draft.obsolete:
            if not self._store.delete(draft.obsolete[0]):
                missing.append(draft.obsolete[0])
            del draft.obsolete[0]
        return missing

    # -- when another request was faster ---------------------------------------

    def _catch_up(self, draft: Draft, old: Stored, record: Record | None) -> None:
        """Put this request's changes on top of what the store holds now."""
        theirs = self._decode(old.key, record.data) if record else None
        if record is None or theirs is None:
            self._drop(draft, old)
            return
        self.counters["conflict"] += 1
        if self._policy.on_conflict == "error":
            raise SessionConflict(f"session {_name(old)} was changed by another request")
        if self._policy.on_conflict == "merge":
            draft.payload = self._rebased(draft, old, theirs)
        draft.stored = _stored(old.key, old.token, record, theirs)

    def _drop(self, draft: Draft, old: Stored) -> None:
        """The row is gone: destroyed elsewhere or expired. It is not brought back."""
        self.counters["gone"] += 1
        logger.info("session %s has gone while a request used it; changes dropped", _name(old))
        fresh = self.fresh()
        draft.payload, draft.token, draft.suspect = fresh.payload, None, False
        draft.origin = draft.stored = None

    def _start_over(self, draft: Draft, old: Stored) -> None:
        """Renewing a session that has gone: keep this request's own changes alone."""
        self.counters["gone"] += 1
        logger.info("session %s has gone while a request renewed it", _name(old))
        draft.payload = self._rebased(draft, old, self.fresh().payload)
        draft.origin = None

    def _rebased(self, draft: Draft, old: Stored, theirs: Payload) -> Payload:
        base = Payload.from_dict(self._codec.loads(old.data))
        return rebase(draft.payload, base, theirs, self._codec.dumps)

    # -- rows ------------------------------------------------------------------

    def _opened(self, key: str, token: str | None, record: Record) -> Draft | None:
        payload = self._decode(key, record.data)
        if payload is None or payload.deadline <= self.clock():
            return None
        stored = _stored(key, token, record, payload)
        return Draft(payload, stored, stored, token)

    def _row(self, payload: Payload, key: str, token: str | None) -> Stored:
        expiry = self._expiry(payload)
        return Stored(key, token, self._encode(payload), expiry, payload.remember, payload.principal)

    def _expiry(self, payload: Payload) -> datetime:
        """When the session ends if nobody comes back: idle never outlives the deadline."""
        idle = self._idle(payload)
        return payload.deadline if idle is None else min(payload.deadline, self.now() + idle)

    def _idle(self, payload: Payload) -> timedelta | None:
        own = payload.idle_timeout
        return self._policy.idle_timeout if own is INHERIT else own

    def _encode(self, payload: Payload) -> bytes:
        return self._codec.dumps(payload.to_dict())

    def _decode(self, key: str, data: bytes) -> Payload | None:
        try:
            return Payload.from_dict(self._codec.loads(data))
        except (DecodeError, ValueError, TypeError) as error:
            self.counters["undecodable"] += 1
            logger.warning("session %s cannot be read and is ignored: %s", tokens.label(key), error)
            return None


def _stored(key: str, token: str | None, record: Record, payload: Payload) -> Stored:
    return Stored(key, token, record.data, record.expiry, payload.remember, payload.principal)


def _index_entry(old: Stored, row: Stored) -> str | None:
    """What Store.replace must do to the principal index; usually nothing."""
    if row.principal != old.principal:
        return row.principal or ""
    return row.principal if row.expiry != old.expiry else None


def _name(row: Stored) -> str:
    return tokens.label(row.key)
