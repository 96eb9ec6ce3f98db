"""Visit: how one request holds its session. Loads it once, at the first touch, if there is one.

It also knows what outlives single calls: that the store has failed, that the session was
destroyed, that the headers have left.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from . import tokens
from .errors import HeadersSent, StoreError, StoreUnavailable

if TYPE_CHECKING:  # a session needs nothing of what a keeper is made of
    from .draft import Draft
    from .keeper import Keeper

A = TypeVar("A")
R = TypeVar("R")

# Tokens of one client that are looked up. Browsers send several cookies of one name when a neighbouring
# host, or another path, has set one too.
MAX_CANDIDATES = 5


class Client(Protocol):
    """What a visit needs of a Transport; *source* is what that reads from."""

    def read(self, source: Any, /) -> list[str]: ...
    def usable(self, source: Any, /) -> bool: ...


class Seal(NamedTuple):
    """Why no cookie can follow any more, in the words of an error."""

    when: str
    advice: str


HEADERS_LEFT = Seal("after the response headers left", "Do it before the first part of the body.")
NOT_ITS_REQUEST = Seal("outside of a request of its browser", "Do it in one.")


class Visit:
    """One request's hold on its session.

    :param client: finds the client's tokens, and says whether a new one would reach it; asked only
        when it matters.
    :param retries: whether a store that did not answer is asked again. In a request it is not, so
        that nobody waits for it twice.
    """

    __slots__ = ("_client", "_retries", "_source", "destroyed", "draft", "failure", "keeper", "sealed")

    def __init__(
        self,
        keeper: "Keeper",
        client: Client,
        source: Any,
        *,
        draft: "Draft | None" = None,
        retries: bool = False,
    ) -> None:
        self.keeper = keeper
        self._client = client
        self._source = source
        self._retries = retries
        self.draft = draft  # None: the application has not touched the session
        self.failure: StoreError | None = None
        self.destroyed = False
        self.sealed: Seal | None = None

    def client_tokens(self) -> list[str]:
        """The tokens that the client sent, in its order; their sessions may or may not exist."""
        return self._client.read(self._source)[:MAX_CANDIDATES]

    def load(self) -> "Draft":
        """The draft, read from the store if this is the first touch."""
        draft = self.draft
        if draft is None:
            draft = self.draft = self.guarded(self.keeper.open, self.client_tokens())
        return draft

    def change(self, what: str) -> "Draft":
        """The draft, about to be changed; HeadersSent when nobody would learn of it."""
        draft = self.load()
        if self.sealed is not None and draft.stored is None:
            raise HeadersSent(
                f"{what} was changed {self.sealed.when}, and this session {self._fate(draft)}: "
                f"its cookie can no longer be sent. {self.sealed.advice}"
            )
        draft.suspect = True
        return draft

    def change_of_token(self, what: str) -> "Draft":
        """As change(), for what the client must be told of."""
        if self.sealed is not None:
            raise HeadersSent(
                f"{what} was called {self.sealed.when}: the client cannot be told. {self.sealed.advice}"
            )
        return self.change(what)

    def commit(self) -> None:
        """Save what has changed, unless that needs a token which the client would not get."""
        draft = self.load()
        if draft.stored is None and not self.keeper.changed(draft):
            draft.token = None  # an empty session needs none
            return
        hands_out = draft.stored is None or draft.token != draft.stored.token
        if hands_out and not self._client.usable(self._source):
            return
        if self.failure is not None and not self.keeper.changed(draft):
            return  # a touch is not worth asking a store again that has failed
        self.guarded(self.keeper.save, draft)

    def destroy(self) -> None:
        """Delete all that the client's tokens and this request have led to."""
        for key in self._known_keys():
            self.guarded(self.keeper.discard, key)
        self.draft = self.keeper.fresh()
        self.destroyed = True

    def merge(self, token: str) -> None:
        """Take over the session of *token*, if it is another one and there is one."""
        draft = self.load()
        if tokens.hash_token(token) in _own_keys(draft):
            return
        other = self.guarded(self.keeper.open, [token])
        if other.stored is not None:
            self.keeper.absorb(self.change("merge()"), other)

    def guarded(self, call: Callable[[A], R], argument: A) -> R:
        """Remember a failing store: frameworks turn it into a 500 of their own."""
        failure = self.failure
        if failure is not None and isinstance(failure, StoreUnavailable) and not self._retries:
            raise failure
        try:
            result = call(argument)
        except StoreError as error:
            self.failure = error
            raise
        self.failure = None
        return result

    def _known_keys(self) -> set[str]:
        keys = set(map(tokens.hash_token, self.client_tokens()))
        return keys if self.draft is None else keys | _own_keys(self.draft)

    def _fate(self, draft: "Draft") -> str:
        if self.destroyed:
            return "was destroyed"
        return "has ended elsewhere" if draft.gone else "is new"


def _own_keys(draft: "Draft") -> set[str]:
    """Under what the store knows this session, or might, and those that were merged into it."""
    rows = [draft.stored, *(other.row for other in draft.absorbed)]
    keys = {row.key for row in rows if row is not None}
    return keys if draft.token is None else keys | {tokens.hash_token(draft.token)}
