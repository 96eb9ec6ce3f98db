"""Show a person how far a long operation is."""

import contextlib
import json
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TextIO

import click

# The step that runs, what is done of it, and the total, both in bytes; the total is an estimate.
Listener = Callable[[str, int, int], None]


def read_event(text: str) -> tuple[str, int, int] | None:
    """The progress that a line of the server's tells of; None when it tells of something else."""
    try:
        event: Any = json.loads(text)
        progress = event["progress"]
        return str(progress["step"]), int(progress["done"]), int(progress["total"])
    except (ValueError, TypeError, KeyError):
        return None


class Bar:
    """A progress bar for each step, where *stream* is a terminal; elsewhere nothing."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()
        self._step = ""
        self._bar: Any = None
        self._open = contextlib.ExitStack()

    def __call__(self, step: str, done: int, total: int) -> None:
        if not self._shown:
            return
        bar = self._bar
        if bar is None or step != self._step or done < bar.pos:
            bar = self._begin(step)
        bar.length = max(done, total, 1)
        bar.update((done if total else bar.length) - bar.pos)

    def _begin(self, step: str) -> Any:
        self._complete()
        bar = click.progressbar(length=1, label=step.ljust(6), file=self._stream)
        self._step, self._bar = step, bar
        return self._open.enter_context(bar)

    def _complete(self) -> None:
        """Close the bar of a step that is over, whatever its last estimate was."""
        if self._bar is not None:
            self._bar.update(self._bar.length - self._bar.pos)
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._complete()
        self._open.close()
