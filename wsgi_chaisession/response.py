"""One WSGI response whose headers wait for the session.

PEP 3333 lets an application call start_response long before, or only with, its
first body part. The real start_response is called here once the application has
returned and its first part is known: what it did to the session until then can
still go into the headers, and a failure can still become a clean error response.
Nothing beyond that first part is read ahead or buffered.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from .headers import Headers

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

_END = object()


class Response(ABC):
    """Runs an application between a server's start_response and its own."""

    __slots__ = ("_pending", "_real_write", "_start", "released")

    def __init__(self, start_response: StartResponse) -> None:
        self.released = False
        self._start = start_response
        self._pending: tuple[str, Headers, ExcInfo | None] | None = None
        self._real_write: Callable[[bytes], object]  # set with `released`

    @abstractmethod
    def finish(self, status: str, headers: Headers) -> Headers:
        """The final headers, from the application's, which stay as they are; may raise."""

    @abstractmethod
    def closed(self) -> None:
        """The application has done its work after the headers left, and raised nothing on the way."""

    def run(self, app: WSGIApplication, environ: WSGIEnvironment) -> Iterable[bytes]:
        body = app(environ, self.start_response)
        try:
            return self._begin(body, environ)
        except BaseException:
            _close(body)
            raise

    def start_response(
        self, status: str, headers: Headers, exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        """What the application sees. Only an error may replace headers already given."""
        if self._pending is not None and exc_info is None:
            raise AssertionError("start_response was called a second time without exc_info")
        self._pending = (status, headers, exc_info)
        if self.released:
            self._release()  # the server re-raises exc_info if the headers are on the wire
        return self._write

    def _begin(self, body: Iterable[bytes], environ: WSGIEnvironment) -> Iterable[bytes]:
        if _is_inert(body, environ):
            if self.released:  # by write(), and the application went on after it
                self.closed()
            else:
                self._release()
            return body
        if self.released:
            return _Body(iter(body), (), body, self.closed)
        iterator = iter(body)
        first = next(iterator, _END)
        self._release_once()
        return _Body(iterator, () if first is _END else (first,), body, self.closed)

    def _write(self, data: bytes) -> object:
        self._release_once()
        return self._real_write(data)

    def _release_once(self) -> None:
        if not self.released:
            self._release()

    def _release(self) -> None:
        if self._pending is None:
            raise AssertionError("the application gave a body before it called start_response")
        status, headers, exc_info = self._pending
        final = self.finish(status, headers)
        self.released = True
        self._pending = (status, headers, None)  # a traceback kept here would keep its frames
        self._real_write = self._start(status, final, exc_info) if exc_info else self._start(status, final)


class _Body:
    """The application's body after its first part was read, closed exactly once.

    :param at_close: is called then, unless the body has raised something.
    """

    def __init__(
        self,
        iterator: Iterator[bytes],
        head: tuple[Any, ...],
        source: Iterable[bytes],
        at_close: Callable[[], None],
    ) -> None:
        self._iterator = iterator
        self._head: list[bytes] = list(head)
        self._source = source
        self._at_close = at_close
        self._failed = False
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._head:
            return self._head.pop()
        try:
            return next(self._iterator)
        except StopIteration:
            raise
        except BaseException:
            self._failed = True
            raise

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            _close(self._source)
        finally:
            if not self._failed:
                self._at_close()


def _is_inert(body: Iterable[bytes], environ: WSGIEnvironment) -> bool:
    """Whether iterating *body* runs none of the application's code, as a subclass might.

    Such a body reaches the server as the same object: servers recognise lists of
    one part (Content-Length) and their own file wrapper (sendfile) by it.
    """
    kind = type(body)
    if kind is list or kind is tuple:
        return True
    wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(wrapper, type):
        return kind is wrapper
    return wrapper is not None and hasattr(body, "fileno")  # uWSGI's wrapper is a function


def _close(body: object) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()
