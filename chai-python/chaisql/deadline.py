"""One end for a wait that takes several steps."""

import time


class Deadline:
    """The moment *seconds* after it was made; monotonic."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then; 0 when it has passed."""
        return max(0.0, self._end - time.monotonic())
