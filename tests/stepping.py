"""A store in memory that lets something happen at any step of a request.

The steps are the calls on the store: there is one before and one after each of them.
"""

from collections.abc import Callable
from typing import Any

from wsgi_chaisession import MsgpackCodec
from wsgi_chaisession.testing import ManualClock, MemoryStore

STEPS = range(10)  # more than any request has


class Stepping(MemoryStore):
    """Calls ``at_step`` once, at the step with the number ``number``."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.number = -1
        self.at_step: Callable[[], object] | None = None
        self.trace: list[str] = []

    def arm(self, step: int, action: Callable[[], object]) -> None:
        self.number, self.at_step, self.trace = step, action, []

    def step(self, when: str, method: str) -> None:
        super().step(when, method)
        self.trace.append(f"{when} {method}")
        if self.at_step is not None and len(self.trace) == self.number + 1:
            action, self.at_step = self.at_step, None
            self.steps_before = list(self.trace)
            action()

    @property
    def sessions(self) -> list[dict[str, Any]]:
        return [MsgpackCodec().loads(record.data)["values"] for _, record in self.all()]
