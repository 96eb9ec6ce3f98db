"""Visit: how one request holds its session. Loads it once, at the first touch, if there is one.

It also knows what outlives single calls: that the store has failed, that the session was
destroyed, that the headers have left.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from . import tokens
from .draft import Draft, Keeper
from .errors import HeadersSent, StoreError

A = TypeVar("A")
R = TypeVar("R")


class Visit:
    """One request's hold on its session.

    :param read_token: finds the client's token in *source*; asked only when it matters.
    """

    __slots__ = ("_read_token", "_source", "destroyed", "draft", "failure", "keeper", "sealed")

    def __init__(
        self, keeper: Keeper, read_token: Callable[[Any], str | None], source: Any, draft: Draft | None = None
    ) -> None:
        self.keeper = keeper
        self._read_token = read_token
        self._source = source
        self.draft = draft  # None: the application has not touched the session
        self.failure: StoreError | None = None
        self.destroyed = False
        self.sealed = False  # the headers have left: no cookie can follow

    def client_token(self) -> str | None:
        """The token that the client sent; its session may or may not exist."""
        return self._read_token(self._source)

    def load(self) -> Draft:
        """The draft, read from the store if this is the first touch."""
        draft = self.draft
        if draft is None:
            if self.failure is not None:  # one deadline per request, not one per access
                raise self.failure
            draft = self.draft = self.guarded(self.keeper.open, self.client_token())
        return draft

    def change(self, what: str) -> Draft:
        """The draft, about to be changed; HeadersSent when nobody would learn of it."""
        draft = self.load()
        if self.sealed and draft.stored is None:
            raise HeadersSent(
                f"{what} was changed after the response headers left, and this session is new: "
                "its cookie can no longer be sent. Change it before the first part of the body."
            )
        draft.suspect = True
        return draft

    def change_of_token(self, what: str) -> Draft:
        """As change(), for what the client must be told of."""
        if self.sealed:
            raise HeadersSent(
                f"{what} was called after the response headers left: the client cannot be told. "
                "Call it before the first part of the body."
            )
        return self.change(what)

    def commit(self) -> None:
        self.guarded(self.keeper.save, self.load())

    def destroy(self) -> None:
        for key in self._known_keys():
            self.guarded(self.keeper.discard, key)
        self.draft = self.keeper.fresh()
        self.destroyed = True

    def guarded(self, call: Callable[[A], R], argument: A) -> R:
        """Remember a failing store: frameworks turn it into a 500 of their own."""
        try:
            return call(argument)
        except StoreError as error:
            self.failure = error
            raise

    def _known_keys(self) -> set[str]:
        draft = self.draft
        known = {self.client_token(), draft.token if draft else None}
        keys = {tokens.hash_token(token) for token in known if token is not None}
        if draft is not None:
            keys |= {*draft.obsolete, *(row.key for row in (draft.origin, draft.stored) if row)}
        return keys
