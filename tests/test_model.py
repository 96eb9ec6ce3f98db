"""Visitors, tabs, faults and time in any order, beside a model that says which sessions there must be.

Requests go through the whole middleware. A second one may run to its end at any step of the first: another
tab of the same browser, somebody who logs out everywhere, or the other one of two sessions that become one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sessions_model import IDLE, LIFETIME, Model, Operation, Seen, operation
from stepping import Stepping
from wsgi_chaisession import MsgpackCodec, Record, Session, SessionMiddleware, tokens
from wsgi_chaisession.testing import ManualClock

NAMES = st.sampled_from(["ada", "bob"])
VISITORS = st.integers(0, 2)
STEPS = st.integers(0, 7)
CHANGES = ["put a", "put b", "put a same", "remove a", "flash", "show", "idle 20", "idle 600", "idle none"]
LATE = st.sampled_from([*CHANGES, "read", "principal none", "destroy"])
KINDS = st.sampled_from([*CHANGES, "read", "read", "remember", "renew", "login ada", "login bob", "destroy"])
FAULTS = st.none() | st.tuples(
    st.sampled_from(["find", "insert", "replace", "touch", "delete"]), st.booleans()
)
WRITES = {f"after {method}" for method in ("insert", "replace", "touch", "delete")}


@dataclass
class Answer:
    """What came of a request."""

    status: int
    token: str | None  # that its session had in the end


class Site:
    """Requests through the middleware, each with what it shall do."""

    def __init__(self, store: Stepping) -> None:
        self.middleware = SessionMiddleware(self._run, store, lifetime=LIFETIME, idle_timeout=IDLE)
        self.middleware.clock = store.clock

    def request(self, cookies: dict[int, str], number: int, *actions: Callable[[Session], object]) -> Answer:
        """The first action runs before the headers leave, the second one after the body's first part."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "wsgi.url_scheme": "http",
            "test.actions": actions,
        }
        if number in cookies:
            environ["HTTP_COOKIE"] = f"session={cookies[number]}"
        answers: list[tuple[str, list[tuple[str, str]]]] = []
        body = self.middleware(environ, lambda status, headers, exc=None: answers.append((status, headers)))  # type: ignore[arg-type]
        assert b"".join(body)
        getattr(body, "close", lambda: None)()
        [(status, headers)] = answers
        for name, value in headers:
            if name == "Set-Cookie":
                token = value.partition(";")[0].partition("=")[2]
                cookies.update({number: token}) if token else cookies.pop(number, None)
        draft = environ["chaisession.session"]._visit.draft
        return Answer(int(status[:3]), draft and draft.token)

    @staticmethod
    def _run(environ: Any, start_response: Any) -> Any:
        session: Session = environ["chaisession.session"]
        first, *late = environ["test.actions"]
        first(session)
        start_response("200 OK", [("Content-Type", "text/plain")])

        def rest() -> Any:
            yield b"ok"
            late[0](session)

        return rest() if late else [b"ok"]


class Sessions(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.clock = ManualClock()
        self.store = Stepping(self.clock)
        self.site = Site(self.store)
        self.model = Model(self.clock)
        self.cookies: dict[int, str] = {}  # of each visitor
        self.count = 0

    def make(self, kind: str) -> Operation:
        self.count += 1
        return operation(kind, self.count)

    # -- one at a time -----------------------------------------------------------

    @rule(number=VISITORS, kind=KINDS, fault=FAULTS)
    def request(self, number: int, kind: str, fault: Any) -> None:
        doing, token = self.make(kind), self.cookies.get(number)
        if fault is not None:
            self.store.fail_next(fault[0], landed=fault[1])
        answer = self.site.request(self.cookies, number, doing.act)
        failed = fault is not None and not any(self.store._script.values())
        self.store._script.clear()
        assert answer.status == (503 if failed else 200)
        if not failed or (fault[1] and fault[0] != "find"):
            self.model.run(doing, token, answer.token)

    @rule(number=VISITORS, kind=KINDS, late=LATE)
    def stream(self, number: int, kind: str, late: str) -> None:
        """What a body changes after the headers have left."""
        doing, token = self.make(kind), self.cookies.get(number)
        behind = self.make(late)
        seen = self.model.get(token)
        after = self.model.changed(doing, seen or self.model.fresh())
        if doing.destroys or (after.empty and (doing.renews or seen is None)):
            return  # there is no session that could be changed late
        self.site.request(self.cookies, number, doing.act, behind.act)
        kept = self.cookies[number]
        self.model.run(doing, token, kept)
        self.model.run(behind, kept, None)

    @rule(name=NAMES)
    def log_out_everywhere(self, name: str) -> None:
        before = len([seen for seen in self.model.alive().values() if seen.principal == name])
        assert self.site.middleware.end_all(name) == before
        self.model.end_all(name)

    # -- two at once -------------------------------------------------------------

    @rule(number=VISITORS, kind=KINDS, other=KINDS, step=STEPS)
    def two_tabs(self, number: int, kind: str, other: str, step: int) -> None:
        doing, token = self.make(kind), self.cookies.get(number)
        theirs = self.make(other)
        base = self.model.get(token)

        def in_the_other_tab() -> None:
            cookies = {number: token} if token else {}
            self.answer = self.site.request(cookies, number, theirs.act)
            self.cookies.pop(number, None)
            self.cookies.update(cookies)

        self.beside(number, doing, step, in_the_other_tab)
        if self.ran:
            self.expect(doing, token, base, lambda: self.model.run(theirs, token, self.answer.token))
        else:
            self.model.run(doing, token, self.first.token)

    @rule(number=VISITORS, kind=KINDS, name=NAMES, step=STEPS)
    def log_out_everywhere_meanwhile(self, number: int, kind: str, name: str, step: int) -> None:
        doing, token = self.make(kind), self.cookies.get(number)
        base = self.model.get(token)
        self.beside(number, doing, step, lambda: self.site.middleware.end_all(name))
        if self.ran:
            self.expect(doing, token, base, lambda: self.model.end_all(name))
        else:
            self.model.run(doing, token, self.first.token)

    def beside(self, number: int, doing: Operation, step: int, act: Callable[[], object]) -> None:
        self.store.arm(step, act)
        self.first = self.site.request(self.cookies, number, doing.act)
        assert self.first.status == 200
        self.ran = self.store.at_step is None
        self.store.at_step = None

    def expect(
        self, doing: Operation, token: str | None, base: Seen | None, second: Callable[[], None]
    ) -> None:
        """The first request, and the second one at the step where it ran."""
        before = set(self.store.steps_before)
        if before & WRITES:
            self.model.run(doing, token, self.first.token)
            second()
        elif base is None or token is None:
            second()
            self.model.run(doing, None, self.first.token)
        elif doing.destroys or "after find" not in before:
            second()
            self.model.run(doing, token, self.first.token)
        else:
            second()
            self.model.catch_up(doing, token, self.first.token, base)

    # -- two that become one -------------------------------------------------------

    @rule(number=VISITORS, other=VISITORS, kind=KINDS | st.none(), step=STEPS)
    def merge(self, number: int, other: int, kind: str | None, step: int) -> None:
        """One visitor takes over another's session, who may do something meanwhile."""
        token, theirs = self.cookies.get(number), self.cookies.get(other)
        if theirs is None or token == theirs:
            return
        mine, taken = self.model.get(token), self.model.get(theirs)
        doing = self.make(kind or "read")
        self.answer = Answer(200, None)

        def meanwhile() -> None:
            self.answer = self.site.request(self.cookies, other, doing.act)

        self.store.arm(step if kind else 99, meanwhile)
        first = self.site.request(self.cookies, number, lambda session: session.merge(theirs))
        before = self.store.steps_before if self.store.at_step is None else []
        self.store.at_step = None
        looked = before.count("after find") > (token is not None)
        if not before:
            self.model.absorb(token, theirs, first.token, mine)
        elif WRITES & set(before):
            self.model.absorb(token, theirs, first.token, mine)
            self.model.run(doing, theirs, self.answer.token)
        else:
            self.model.run(doing, theirs, self.answer.token)
            if not looked or self.model.get(theirs) is not None:
                self.model.absorb(token, theirs, first.token, mine)
            elif taken is None and mine is not None:
                self.model.touch(token or "", mine)

    # -- time --------------------------------------------------------------------------

    @rule(minutes=st.integers(1, 400))
    def wait(self, minutes: int) -> None:
        self.clock.advance(timedelta(minutes=minutes))

    @rule()
    def reap(self) -> None:
        while self.store.delete_expired(2) == 2:
            pass
        assert self.store.count_expired() == 0

    # -- what must hold ------------------------------------------------------------------

    @invariant()
    def the_store_holds_what_the_model_says_and_nothing_else(self) -> None:
        if hasattr(self, "store"):
            found = {key: seen_in(record) for key, record in self.store.all()}
            expected = {tokens.hash_token(token): seen for token, seen in self.model.alive().items()}
            assert found == expected
            assert {key: seen.expiry for key, seen in found.items()} == {
                key: seen.expiry for key, seen in expected.items()
            }

    @invariant()
    def the_principal_index_agrees_with_the_sessions(self) -> None:
        if hasattr(self, "store"):
            sessions = {tokens.hash_token(token): seen for token, seen in self.model.alive().items()}
            for name in ("ada", "bob"):
                keys = self.store.find_principal(name)
                assert keys == sorted(key for key, seen in sessions.items() if seen.principal == name)
                assert [self.store._entries[key].expiry for key in keys] == [
                    sessions[key].expiry for key in keys
                ]


def seen_in(record: Record) -> Seen:
    payload = MsgpackCodec().loads(record.data)
    return Seen(
        deadline=payload["deadline"],
        values=payload["values"],
        flashes=tuple(message for message, _, _ in payload.get("flashes", ())),
        principal=payload.get("principal"),
        remember=payload.get("remember", False),
        idle=payload.get("idle_timeout", IDLE),
        expiry=record.expiry,
    )


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=60, stateful_step_count=25)
