"""Every error a user of this package can meet; all derive from SessionError.

Absence is never an error here: a missing, expired or unreadable session is a
new session. An exception means that the system failed or that the calling code
asked for something impossible.
"""


class SessionError(Exception):
    """Root of the package's errors."""


class StoreError(SessionError):
    """The store refused a call; the driver's error is the ``__cause__``."""


class StoreUnavailable(StoreError):  # noqa: N818 - named after the condition
    """The store could not be reached, or did not answer, within its deadline."""


class SessionConflict(SessionError):  # noqa: N818 - named after the condition
    """Another request changed the same session and it could not be settled."""


class HeadersSent(SessionError):  # noqa: N818 - named after the condition
    """A change came after the response headers left, too late for its cookie."""


class CodecError(SessionError):
    """A session could not be turned into bytes or back."""


class EncodeError(CodecError):
    """A value has no encoding; ``path`` says where it is, ``kind`` what it is."""

    def __init__(self, path: str, kind: type, reason: str) -> None:
        super().__init__(f"{path} cannot be stored in a session: {reason}")
        self.path = path
        self.kind = kind


class SessionTooLarge(CodecError):  # noqa: N818 - named after the condition
    """The encoded session exceeds the codec's limit."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"session is {size} bytes when encoded, the limit is {limit}: "
            "store a reference instead, or raise MsgpackCodec(max_bytes=...)"
        )
        self.size = size
        self.limit = limit


class DecodeError(CodecError):
    """Stored bytes are not a session of a known version."""
