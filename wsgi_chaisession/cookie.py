"""The session cookie: the only module that knows cookie attributes.

Reading is a scan for one name, not a parse of the header: browsers send whatever
any application on the domain has set, and a neighbour's malformed cookie must
not cost the user their session.
"""

import logging
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Literal, Protocol

from werkzeug.http import dump_cookie

from .tokens import TOKEN_PATTERN

logger = logging.getLogger(__name__)

Header = tuple[str, str]
_not_in_attributes = re.compile(r"[;\x00-\x1f\x7f]").search
_is_label = re.compile(
    r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
).fullmatch  # underscores are met in practice
_valid_name = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch  # RFC 9110 token


class Transport(Protocol):
    """How a token travels. Cookie is the usual one; an API may prefer a header."""

    @property
    def vary(self) -> str:
        """The request header that decides, for Vary."""
        ...

    @property
    def persist(self) -> bool:
        """Whether the client is told the expiry, also of sessions that are not to be remembered."""
        ...

    def read(self, environ: dict[str, Any]) -> list[str]:
        """The well-formed tokens that the client sent, in its order; the first five are looked up."""
        ...

    def usable(self, environ: dict[str, Any]) -> bool:
        """Whether a token could reach this client; if not, none is made."""
        ...

    def issue(self, environ: dict[str, Any], token: str, expires: datetime | None, now: datetime) -> Header:
        """The response header that hands out *token*; no *expires*: until the browser closes."""
        ...

    def withdraw(self, environ: dict[str, Any]) -> Header:
        """The response header that makes the client forget its token."""
        ...


@dataclass(frozen=True, kw_only=True)
class Cookie:
    """Name and attributes of the session cookie.

    A cookie that must be secure is withheld from plain HTTP, with a warning: behind a
    proxy that ends TLS, let the server (or werkzeug's ProxyFix) set the scheme from
    X-Forwarded-Proto.

    :param name: a token of RFC 9110; ``__Host-`` and ``__Secure-``, in any case, demand what
        browsers demand.
    :param domain: sent to its subdomains, too; None: to this host alone. Names of other scripts
        are written in their ASCII form.
    :param path: sent for paths below it.
    :param secure: sent over HTTPS alone; "auto": if the request came over HTTPS
        (``wsgi.url_scheme``).
    :param httponly: hidden from scripts.
    :param samesite: whether requests that other sites cause carry it; None: as the browser likes.
    :param partitioned: one for each site that embeds this one (CHIPS); must be secure.
    :param persist: kept when the browser closes; if not, ``session.remember_me()`` decides.
    :raises ValueError: browsers would drop such a cookie.
    :raises TypeError: a name, a domain or a path is no str.
    """

    name: str = "session"
    domain: str | None = None
    path: str = "/"
    secure: bool | Literal["auto"] = "auto"
    httponly: bool = True
    samesite: Literal["Lax", "Strict", "None"] | None = "Lax"
    partitioned: bool = False
    persist: bool = True
    vary: str = field(default="Cookie", init=False, repr=False)
    _find_all: Any = field(init=False, repr=False, compare=False)
    _must_be_secure: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for option in ("name", "path", *(() if self.domain is None else ("domain",))):
            if not isinstance(getattr(self, option), str):
                raise TypeError(f"cookie {option} must be str, not {type(getattr(self, option)).__name__}")
        self._check_name()
        self._check_attributes()
        pattern = rf'(?:^|;)[ \t]*{re.escape(self.name)}[ \t]*=[ \t]*"?({TOKEN_PATTERN})"?[ \t]*(?=;|$)'
        object.__setattr__(self, "_find_all", re.compile(pattern).findall)
        object.__setattr__(self, "_must_be_secure", self._needs_secure())

    def read(self, environ: dict[str, Any]) -> list[str]:
        header = environ.get("HTTP_COOKIE")
        if not header or self.name not in header:
            return []
        found: list[str] = self._find_all(header)
        return found if len(found) < 2 else list(dict.fromkeys(found))

    def usable(self, environ: dict[str, Any]) -> bool:
        if not self._must_be_secure or environ.get("wsgi.url_scheme") == "https":
            return True
        _warn_withheld(self.name)
        return False

    def issue(self, environ: dict[str, Any], token: str, expires: datetime | None, now: datetime) -> Header:
        if expires is None:
            return self._dump(environ, token, None, None)
        # Both rounded up, so that the browser never forgets before the store does.
        seconds = ceil((expires - now).total_seconds())
        whole = expires.replace(microsecond=0) + timedelta(seconds=expires.microsecond > 0)
        return self._dump(environ, token, max(seconds, 0), whole)

    def withdraw(self, environ: dict[str, Any]) -> Header:
        return self._dump(environ, "", 0, 0)

    def _dump(
        self, environ: dict[str, Any], value: str, max_age: int | None, expires: datetime | int | None
    ) -> Header:
        text = dump_cookie(
            self.name,
            value,
            max_age=max_age,
            expires=expires,
            path=self.path,
            domain=self.domain,
            secure=self._is_secure(environ),
            httponly=self.httponly,
            samesite=self.samesite,
            partitioned=self.partitioned,
        )
        return "Set-Cookie", text

    def _is_secure(self, environ: dict[str, Any]) -> bool:
        return self._must_be_secure or (self.secure == "auto" and environ.get("wsgi.url_scheme") == "https")

    def _needs_secure(self) -> bool:
        prefixed = self.name.lower().startswith(("__host-", "__secure-"))
        return self.secure is True or prefixed or self.partitioned or self.samesite == "None"

    def _check_name(self) -> None:
        if not _valid_name(self.name):
            raise ValueError(f"cookie name {self.name!r} is not an HTTP token")
        if self.name.lower().startswith("__host-") and (self.domain is not None or self.path != "/"):
            raise ValueError(
                f"a __Host- cookie has path '/' and no domain, "
                f"not path {self.path!r} and domain {self.domain!r}"
            )

    def _check_attributes(self) -> None:
        if self.secure not in (True, False, "auto"):
            raise ValueError(f"secure is True, False or 'auto', not {self.secure!r}")
        if self.samesite not in ("Lax", "Strict", "None", None):
            raise ValueError(f"samesite is 'Lax', 'Strict', 'None' or None, not {self.samesite!r}")
        if not self.path.startswith("/") or _not_in_attributes(self.path):
            raise ValueError(
                f"cookie path {self.path!r} must begin with '/' and hold no ';' and no control character"
            )
        if self.domain is not None and not _is_domain(self.domain):
            raise ValueError(
                f"cookie domain {self.domain!r} is not a host name: labels of 1 to 63 letters, digits and "
                "hyphens with single dots between them, and no port"
            )
        if self.secure is False and self._needs_secure():
            raise ValueError(
                f"cookie {self.name!r} must be secure: its prefix, Partitioned or SameSite=None "
                "demands it, browsers drop it otherwise"
            )


def _is_domain(domain: str) -> bool:
    try:
        name = domain.removeprefix(".").encode("idna").decode("ascii")  # a leading dot means nothing any more
    except UnicodeError:  # an empty label, or one that is too long
        return False
    return len(name) <= 253 and all(map(_is_label, name.split(".")))


_warned: set[str] = set()


def _warn_withheld(name: str) -> None:
    """Once per cookie name: the cause is configuration, not the single request."""
    if name in _warned:
        return
    _warned.add(name)
    logger.warning(
        "cookie %r is withheld: it must be secure and the request came over plain http; "
        "behind a proxy that ends TLS set wsgi.url_scheme from X-Forwarded-Proto",
        name,
    )
