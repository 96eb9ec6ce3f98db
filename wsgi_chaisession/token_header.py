"""TokenHeader: the session token in a request header, for clients that keep no cookies.

An API client sends back what the response header gave it. No browser adds such a
header by itself, so requests forged by other sites carry no session.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .cookie import Header
from .tokens import is_well_formed

_valid_name = re.compile(r"[A-Za-z][A-Za-z0-9-]*").fullmatch
# What means something else already, in a request or in a response, to servers, proxies or browsers.
_taken = re.compile(
    r"(accept|access-control|content|if|proxy|sec|strict|www|x-forwarded)-.*|accept|age|allow|authorization|"
    r"cache-control|connection|cookie|date|etag|expect|expires|forwarded|from|host|keep-alive|last-modified|link|"
    r"location|max-forwards|origin|pragma|range|referer|refresh|retry-after|server|set-cookie|te|trailer|"
    r"transfer-encoding|upgrade|user-agent|vary|via",
    re.IGNORECASE,
).fullmatch


@dataclass(frozen=True, kw_only=True)
class TokenHeader:
    """A transport: the same header takes the token to the client and back.

    The response has it when the client must learn a new token; empty, the client
    has to forget the one it has.

    :param name: the header's name.
    :raises ValueError: no header can be called so, or one that HTTP uses is.
    """

    name: str = "Session-Token"
    persist: bool = field(default=False, init=False)  # there is no place to tell an expiry
    vary: str = field(init=False, repr=False)
    _environ_key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _valid_name(self.name):
            raise ValueError(f"{self.name!r} cannot name a header: letters, digits and hyphens can")
        if _taken(self.name):
            raise ValueError(
                f"{self.name!r} cannot name a header for a token: HTTP uses it for something else"
            )
        object.__setattr__(self, "vary", self.name)
        object.__setattr__(self, "_environ_key", "HTTP_" + self.name.upper().replace("-", "_"))

    def read(self, environ: dict[str, Any]) -> list[str]:
        token: str = environ.get(self._environ_key, "").strip()
        return [token] if is_well_formed(token) else []

    def usable(self, environ: dict[str, Any]) -> bool:  # noqa: ARG002 - any client may keep a header
        return True

    def issue(
        self,
        environ: dict[str, Any],  # noqa: ARG002 - no attribute depends on it
        token: str,
        expires: datetime | None,  # noqa: ARG002 - as above
        now: datetime,  # noqa: ARG002 - as above
    ) -> Header:
        return self.name, token

    def withdraw(self, environ: dict[str, Any]) -> Header:  # noqa: ARG002 - as above
        return self.name, ""
