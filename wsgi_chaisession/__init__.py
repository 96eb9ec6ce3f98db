"""Server-side sessions for any WSGI application, kept in a Chai database."""

from .chai import ChaiStore
from .codec import Codec, MsgpackCodec
from .cookie import Cookie, Transport
from .errors import (
    CodecError,
    DecodeError,
    EncodeError,
    HeadersSent,
    SessionConflict,
    SessionError,
    SessionTooLarge,
    StoreError,
    StoreUnavailable,
)
from .middleware import Device, SessionMiddleware
from .payload import Flash
from .refusal import ErrorHandler
from .rows import Clock, OnConflict
from .session import Session, Status
from .store import ReaperLog, ReaperStatus, Record, Store
from .token_header import TokenHeader

__all__ = [
    "ChaiStore",
    "Clock",
    "Codec",
    "CodecError",
    "Cookie",
    "DecodeError",
    "Device",
    "EncodeError",
    "ErrorHandler",
    "Flash",
    "HeadersSent",
    "MsgpackCodec",
    "OnConflict",
    "ReaperLog",
    "ReaperStatus",
    "Record",
    "Session",
    "SessionConflict",
    "SessionError",
    "SessionMiddleware",
    "SessionTooLarge",
    "Status",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "TokenHeader",
    "Transport",
]
