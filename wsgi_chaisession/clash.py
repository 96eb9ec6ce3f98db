"""NameClash: notices an application that sets a cookie by the middleware's name, and says so once.

Browsers keep one cookie of a name: the framework's own session and this one replace each other, and
nothing fails where anybody would look. Flask and Pyramid call theirs "session", as the middleware does.
"""

import logging

from .cookie import Cookie, Transport
from .headers import Headers

logger = logging.getLogger(__name__)

_SET_COOKIE = "set-cookie"


# Responses of requests that leave the session alone which are looked at. Often it is those that set the
# other cookie; but a look takes 0.2 to 0.7 µs, a tenth to a third of what the middleware adds to such a
# request. Beside a query it is nothing, so of requests that use the session it takes all.
FIRST_RESPONSES = 1000


class NameClash:
    """What one middleware looks for in its application's headers, until it has been found."""

    __slots__ = ("_cookie", "_start", "unused_left")

    def __init__(self, transport: Transport) -> None:
        self._cookie = transport.name if isinstance(transport, Cookie) else ""
        self._start = f"{self._cookie}=" if self._cookie else None  # None: there is nothing to look for
        self.unused_left = FIRST_RESPONSES if self._cookie else 0

    def look_unused(self, headers: Headers) -> None:
        """As look(), where the request left the session alone; the caller sees to *unused_left*."""
        self.unused_left -= 1
        self.look(headers)

    def look(self, headers: Headers) -> None:
        """Warn if *headers*, the application's, set the cookie; once."""
        start = self._start
        # Whatever else a server may take for headers cannot be gone through twice.
        if start is None or type(headers) is not list:
            return
        try:
            for name, value in headers:
                if len(name) == len(_SET_COOKIE) and value.startswith(start) and name.lower() == _SET_COOKIE:
                    break
            else:
                return
        except (TypeError, ValueError, AttributeError):
            return  # such headers are the server's to refuse
        self._start, self.unused_left = None, 0
        self._warn()

    def _warn(self) -> None:
        logger.warning(
            "the application sets a cookie %r itself, as the session middleware does: browsers keep one of "
            "the two, and the session behind the other is lost; give the middleware another name, such as "
            'cookie=Cookie(name="sid")',
            self._cookie,
        )
