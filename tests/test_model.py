"""Visitors, tabs, faults and time in any order, beside a model of what each visitor must see.

A fault's answer is 503 and may have landed or not; the model accepts either, and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from wsgi_chaisession import MsgpackCodec, Session, SessionMiddleware, tokens
from wsgi_chaisession.testing import Clock, MemoryStore

LIFETIME = timedelta(hours=10)
VISITORS = st.integers(0, 2)
KEYS = st.sampled_from(["a", "b"])
VALUES = st.one_of(st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
FAULTS = st.none() | st.tuples(st.sampled_from(["find", "insert", "replace", "delete"]), st.booleans())


@dataclass
class Seen:
    """What a visitor's session must hold."""

    values: dict[str, Any]
    deadline: datetime
    principal: str | None = None


class Visitor:
    """A browser reduced to its cookie; requests go through the whole middleware."""

    def __init__(self, app: "Application") -> None:
        self.app = app
        self.cookie: str | None = None
        self.model: Seen | None = None

    def request(self, action: Callable[[Session], None]) -> bool:
        """Whether the answer was a success; the cookie follows it."""
        status, cookie = self.app.request(self.cookie, action)
        if cookie is not None:
            self.cookie = cookie or None
        assert status in (200, 503)
        return status == 200


class Application:
    def __init__(self, store: MemoryStore) -> None:
        self.middleware = SessionMiddleware(self._run, store, lifetime=LIFETIME)
        self.middleware.clock = store.clock

    def request(self, cookie: str | None, action: Callable[[Session], None]) -> tuple[int, str | None]:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "wsgi.url_scheme": "http",
            "test.action": action,
        }
        if cookie:
            environ["HTTP_COOKIE"] = f"session={cookie}"
        answers: list[tuple[str, list[tuple[str, str]]]] = []
        body = self.middleware(environ, lambda status, headers, exc=None: answers.append((status, headers)))  # type: ignore[arg-type]
        assert b"".join(body)
        [(status, headers)] = answers
        cookies = [value for name, value in headers if name == "Set-Cookie"]
        return int(status[:3]), cookies[0].partition(";")[0].partition("=")[2] if cookies else None

    @staticmethod
    def _run(environ: Any, start_response: Any) -> list[bytes]:
        environ["test.action"](environ["chaisession.session"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]


class Sessions(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.app = Application(self.store)
        self.visitors = [Visitor(self.app) for _ in range(3)]

    @rule(number=VISITORS, key=KEYS, value=VALUES, fault=FAULTS)
    def put(self, number: int, key: str, value: Any, fault: Any) -> None:
        visitor = self.visitors[number]
        self._expire(visitor)
        before = visitor.model or Seen({}, self.clock() + LIFETIME)
        after = Seen(before.values | {key: value}, before.deadline, before.principal)
        self._request(visitor, fault, lambda session: session.update({key: value}), after)

    @rule(number=VISITORS, key=KEYS, fault=FAULTS)
    def remove(self, number: int, key: str, fault: Any) -> None:
        visitor = self.visitors[number]
        self._expire(visitor)
        seen = visitor.model
        after = seen and Seen(
            {k: v for k, v in seen.values.items() if k != key}, seen.deadline, seen.principal
        )
        self._request(visitor, fault, lambda session: session.pop(key, None), after)

    @rule(number=VISITORS, name=st.sampled_from(["ada", "bob"]), fault=FAULTS)
    def log_in(self, number: int, name: str, fault: Any) -> None:
        def act(session: Session) -> None:
            session.renew_token()
            session.principal = name

        visitor = self.visitors[number]
        self._expire(visitor)
        values = visitor.model.values if visitor.model else {}
        after = Seen(values, self.clock() + LIFETIME, name)
        # The old row may have gone although the new token never arrived.
        self._request(visitor, fault, act, after, lost=True)

    @rule(number=VISITORS, fault=FAULTS)
    def log_out(self, number: int, fault: Any) -> None:
        visitor = self.visitors[number]
        self._request(visitor, fault, lambda session: session.destroy(), None)

    @rule(number=VISITORS, mine=VALUES, theirs=VALUES)
    def two_tabs(self, number: int, mine: Any, theirs: Any) -> None:
        visitor = self.visitors[number]
        self._expire(visitor)
        if visitor.model is None:
            return

        def act(session: Session) -> None:
            session["a"] = mine
            self.app.request(visitor.cookie, lambda other: other.update(b=theirs))

        assert visitor.request(act)
        visitor.model.values |= {"a": mine, "b": theirs}

    @rule(number=VISITORS, value=VALUES)
    def log_out_in_the_other_tab(self, number: int, value: Any) -> None:
        visitor = self.visitors[number]
        self._expire(visitor)
        if visitor.model is None:
            return

        def act(session: Session) -> None:
            session["a"] = value
            self.app.request(visitor.cookie, lambda other: other.destroy())

        assert visitor.request(act)
        # A tab that changed nothing in fact writes nothing, and learns of it with its next request.
        visitor.model = None

    @rule(name=st.sampled_from(["ada", "bob"]))
    def log_out_everywhere(self, name: str) -> None:
        self.app.middleware.end_all(name)
        for visitor in self.visitors:
            if visitor.model and visitor.model.principal == name:
                visitor.model = None

    @rule(hours=st.integers(1, 6))
    def wait(self, hours: int) -> None:
        self.clock.advance(timedelta(hours=hours))

    @rule()
    def reap(self) -> None:
        while self.store.delete_expired(2) == 2:
            pass
        assert self.store.count_expired() <= sum(
            record.expiry == self.clock() for record in self.store._rows.values()
        )

    @invariant()
    def every_visitor_sees_the_model(self) -> None:
        for visitor in getattr(self, "visitors", []):
            self._expire(visitor)
            assert self._stored(visitor) == visitor.model

    @invariant()
    def the_principal_index_agrees_with_the_sessions(self) -> None:
        for name in ("ada", "bob"):
            if hasattr(self, "store"):
                rows = [
                    key
                    for key, record in self.store.all()
                    if MsgpackCodec().loads(record.data).get("principal") == name
                ]
                assert self.store.find_principal(name) == rows

    def _request(
        self, visitor: Visitor, fault: Any, action: Any, after: Seen | None, *, lost: bool = False
    ) -> None:
        if fault is not None:
            self.store.fail_next(fault[0], landed=fault[1])
        before = visitor.model
        succeeded = visitor.request(action)
        self.store._script.clear()
        if succeeded:
            visitor.model = after
            return
        allowed = [before, after, *([None] if lost else [])]
        visitor.model = self._stored(visitor)
        assert visitor.model in allowed

    def _stored(self, visitor: Visitor) -> Seen | None:
        record = self.store.find(tokens.hash_token(visitor.cookie)) if visitor.cookie else None
        if record is None:
            return None
        payload = MsgpackCodec().loads(record.data)
        return Seen(payload["values"], payload["deadline"], payload.get("principal"))

    def _expire(self, visitor: Visitor) -> None:
        if visitor.model and visitor.model.deadline <= self.clock():
            visitor.model = None


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
