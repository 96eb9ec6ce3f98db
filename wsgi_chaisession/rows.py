"""Rows: what a session's payload is in the store, and for how long."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from . import tokens
from .codec import Codec
from .draft import Draft, Stored
from .errors import CodecError, DecodeError, StoreError
from .payload import INHERIT, Payload, rebase
from .sameness import Sameness
from .store import Record, Store

logger = logging.getLogger(__name__)

OnConflict = Literal["merge", "overwrite", "error"]
Clock = Callable[[], datetime]

_TOUCH_PART = 10  # a touch gains at least this part of the idle timeout, unless told otherwise


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How long sessions live and who wins a conflict."""

    lifetime: timedelta
    idle_timeout: timedelta | None = None
    touch_interval: timedelta | None = None  # None: a part of the idle timeout
    on_conflict: OnConflict = "merge"


class Rows:
    """Makes rows of payloads and payloads of rows, by the rules of one middleware."""

    def __init__(self, codec: Codec, policy: Policy, counters: Counter[str]) -> None:
        self.policy = policy
        self.clock: Clock = utc_now
        self._codec = codec
        self._same = Sameness(codec)
        self._counters = counters

    # -- time ------------------------------------------------------------------

    def fresh(self) -> Draft:
        return Draft(Payload(self.fresh_deadline()))

    def fresh_deadline(self) -> datetime:
        return self.clock() + self.policy.lifetime

    def idle_timeout(self, payload: Payload) -> timedelta | None:
        own = payload.idle_timeout
        return self.policy.idle_timeout if own is INHERIT else own

    def expiry(self, payload: Payload) -> datetime:
        """When the session ends if nobody comes back: idle never outlives the deadline."""
        idle = self.idle_timeout(payload)
        return payload.deadline if idle is None else min(payload.deadline, self.clock() + idle)

    def touched(self, payload: Payload, old: Stored) -> datetime | None:
        """The expiry that being used gives the session; None when that is not worth a write."""
        expiry = self.expiry(payload)
        if expiry <= old.expiry:
            return None
        # The last step, to the deadline, is worth it however small: it is made once.
        worth = expiry == payload.deadline or expiry - old.expiry >= self._touch_interval(payload)
        return expiry if worth else None

    def seen(self, draft: Draft) -> datetime | None:
        """When the session was last in use, as its expiry tells; None without an idle timeout."""
        idle = self.idle_timeout(draft.payload)
        return draft.stored.expiry - idle if draft.stored and idle else None

    def _touch_interval(self, payload: Payload) -> timedelta:
        idle, given = self.idle_timeout(payload), self.policy.touch_interval
        part = (idle or timedelta(0)) / _TOUCH_PART
        if given is None:
            return part
        # It was chosen for the middleware's idle timeout; a shorter one would pass between two touches.
        return given if payload.idle_timeout is INHERIT else min(given, part)

    # -- payload to row --------------------------------------------------------

    def row(self, payload: Payload, key: str, token: str | None) -> Stored:
        data, expiry = self.encode(payload), self.expiry(payload)
        return Stored(key, token, data, expiry, payload.remember, payload.principal)

    def encode(self, payload: Payload) -> bytes:
        return self._codec.dumps(payload.to_dict())

    def changed(self, draft: Draft) -> bool:
        """Whether a commit would write more than an expiry."""
        if draft.absorbed or draft.attempt is not None:
            return True
        if draft.stored is None:
            return not draft.payload.empty
        if draft.token != draft.stored.token:
            return True
        return draft.suspect and self._differs(draft.payload, draft.stored)

    def _differs(self, payload: Payload, row: Stored) -> bool:
        try:
            return not self._same.of_data(self.encode(payload), row.data)
        except CodecError:  # whoever commits it will be told
            return True

    # -- row to payload --------------------------------------------------------

    def find(self, store: Store, key: str) -> Record | None:
        """The store's answer, if it is one."""
        found = store.find(key)
        if found is not None and not _is_record(found):
            raise StoreError(
                f"{type(store).__name__}.find() returned a {type(found).__name__} where a Record of data and "
                "an aware expiry belongs"
            )
        return found

    def stored(self, key: str, token: str | None, record: Record, payload: Payload) -> Stored:
        return Stored(key, token, record.data, record.expiry, payload.remember, payload.principal)

    def decode(self, key: str, data: bytes) -> Payload | None:
        """None for what cannot be read, which is counted: to a visitor it is as if there were nothing."""
        try:
            return Payload.from_dict(self._codec.loads(data))
        except Exception as error:  # noqa: BLE001 - a codec of one's own may raise anything over foreign bytes
            self._counters["undecodable"] += 1
            # What else was raised may quote the data.
            reason = error if isinstance(error, DecodeError) else type(error).__name__
            logger.warning("session %s cannot be read and is ignored: %s", tokens.label(key), reason)
            return None

    def decode_own(self, data: bytes) -> Payload:
        """As decode(), of data that was read before."""
        return Payload.from_dict(self._codec.loads(data))

    def rebased(self, mine: Payload, base: Payload, theirs: Payload) -> Payload:
        """*theirs* with what turned *base* into *mine*."""
        return rebase(mine, base, theirs, self._same.of_values)


def _is_record(found: object) -> bool:
    if not isinstance(found, Record):
        return False
    expiry: object = found.expiry
    return isinstance(expiry, datetime) and expiry.tzinfo is not None
