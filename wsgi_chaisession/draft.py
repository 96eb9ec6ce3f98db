"""One request's work on one session, as plain data.

The session changes it, the keeper moves it to the store and back, and the middleware reads from it
what the client has to be told.
"""

from dataclasses import dataclass, field
from datetime import datetime

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
class Absorbed:
    """Another session that was merged into this one; it ends when this one is next written."""

    row: Stored
    before: bytes  # this session without the other: its payload, encoded


@dataclass(slots=True)
class Attempt:
    """A write whose answer, should it not have come, may have got lost on the way back."""

    row: Stored
    ending: dict[str, bytes]  # the rows that end with it: their keys and data


@dataclass(slots=True)
class Draft:
    """One request's work on one session, between load and commit."""

    payload: Payload
    origin: Stored | None = None  # as loaded: what the client's cookie says
    stored: Stored | None = None  # as now in the store
    token: str | None = None  # under which it is, or will be, stored
    absorbed: list[Absorbed] = field(default_factory=list)
    attempt: Attempt | None = None
    gone: bool = False  # it ended elsewhere while this request used it
    suspect: bool = False  # set, or handed out mutable: compare before believing it clean
