"""Session tokens: made here, checked here, and hashed before any store sees them.

A token is the bearer's proof, so it lives in the browser alone. Stores, logs and
operators see its SHA-256; a leaked table therefore opens no session.
"""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode

TOKEN_BYTES = 32  # 256 bits from the operating system
TOKEN_PATTERN = r"[A-Za-z0-9_-]{43}"  # noqa: S105 - no secret; 32 bytes in base64url, unpadded

_well_formed = re.compile(TOKEN_PATTERN).fullmatch


def generate() -> str:
    """A new unguessable token: 43 base64url characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def is_well_formed(token: str) -> bool:
    """Whether *token* could be one of ours; says nothing about the store."""
    return _well_formed(token) is not None


def hash_token(token: str) -> str:
    """The key under which a store knows *token*."""
    return hash_text(token)


def hash_text(text: str) -> str:
    """SHA-256 of *text* as 43 base64url characters."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def label(key: str) -> str:
    """How logs and errors name a session: enough to find it, useless to enter it."""
    return key[:8]
