"""A progress bar for whoever waits for `once` at a terminal."""

import contextlib
from types import TracebackType
from typing import Any, Self, TextIO

import click

from reaper.store import ReapableStore


class Bar:
    """How much of what had expired is gone, on a terminal; elsewhere nothing, and nothing is counted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Any = None
        self._open = contextlib.ExitStack()

    def __call__(self, store: ReapableStore, deleted: int) -> None:
        """Take in a batch."""
        if not deleted or not self._stream.isatty():
            return
        if self._bar is None:
            bar = click.progressbar(
                length=deleted + store.count_expired(), label="deleting", show_pos=True, file=self._stream
            )
            self._bar = self._open.enter_context(bar)
        self._bar.length = max(self._bar.length, self._bar.pos + deleted)  # others expire meanwhile
        self._bar.update(deleted)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
