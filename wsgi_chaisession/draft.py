"""One request's work on one session, and who loads and stores it.

A Draft is plain data. The session changes it, the keeper moves it to the store and back, and the
middleware reads from it what the client has to be told.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from .payload import Payload


@dataclass(slots=True)  # not frozen, which would take three times as long to make
class Stored:
    """A row as this request last saw it; never changed, only replaced."""

    key: str
    token: str | None  # None when the row was met by its key alone
    data: bytes
    expiry: datetime
    remember: bool
    principal: str | None


@dataclass(slots=True)
class Draft:
    """One request's work on one session, between load and commit."""

    payload: Payload
    origin: Stored | None = None  # as loaded: what the client's cookie says
    stored: Stored | None = None  # as now in the store
    token: str | None = None  # under which it is, or will be, stored
    obsolete: list[str] = field(default_factory=list)  # keys to delete after a commit
    suspect: bool = False  # set, or handed out mutable: compare before believing it clean


class Keeper(Protocol):
    """Loads and stores drafts. Its failures are StoreError."""

    counters: Counter[str]

    @property
    def idle_timeout(self) -> timedelta | None: ...
    def now(self) -> datetime: ...
    def fresh(self) -> Draft: ...
    def fresh_deadline(self) -> datetime: ...
    def open(self, token: str | None) -> Draft: ...
    def changed(self, draft: Draft) -> bool: ...
    def save(self, draft: Draft) -> None: ...
    def discard(self, key: str) -> None: ...
    def discard_others(self, principal: str, key: str | None) -> int: ...
