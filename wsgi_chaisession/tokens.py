"""Session tokens: made here, checked here, and hashed before any store sees them.

A token is the bearer's proof, so it lives in the browser alone. Stores, logs and
operators see its SHA-256; a leaked table therefore opens no session.
"""

import re
import secrets
from binascii import b2a_base64
from hashlib import sha256

TOKEN_BYTES = 32  # 256 bits from the operating system
TOKEN_PATTERN = r"[A-Za-z0-9_-]{43}"  # noqa: S105 - no secret; 32 bytes in base64url, unpadded

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_well_formed = re.compile(TOKEN_PATTERN).fullmatch


def generate() -> str:
    """A new unguessable token: 43 base64url characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def is_well_formed(token: str) -> bool:
    """Whether *token* could be one of ours; says nothing about the store."""
    return _well_formed(token) is not None


def hash_token(text: str) -> str:
    """The key under which a store knows a token, or a principal: its SHA-256 as 43 base64url characters."""
    digest = sha256(text.encode("utf-8", "surrogatepass")).digest()
    return b2a_base64(digest, newline=False)[:43].translate(_URL_SAFE).decode("ascii")


def label(key: str) -> str:
    """How logs and errors name a session: enough to find it, useless to enter it."""
    return key[:8]
