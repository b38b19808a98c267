"""Who rotates which key range."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock

from tickets.rotation.key_range import Key, KeyRange

LOOK_AHEAD_ROWS = 1_000
LOOK_AHEAD_SECONDS = 1.0

LookUp = Callable[[Key | None, int, int], list[Key]]
"""(after, batch_rows, ahead_rows): the last keys of the next batches, [] when nothing is pending
there."""


class Allocator:
    """Hands out the key ranges of one pass in order, each once, to any number of threads.

    Several small batches are looked up at once. What was looked up is used only soon and for
    batches of the same size, since others write and rotate meanwhile. It begins above ``after``.
    """

    def __init__(self, clock: Callable[[], float], *, after: Key | None = None) -> None:
        self._clock = clock
        self._lock = Lock()
        self._after = after
        self._ahead: deque[Key] = deque()
        self._ahead_batch_rows = 0
        self._ahead_until = 0.0
        self._closed = False

    def next_range(self, batch_rows: int, look_up: LookUp) -> KeyRange | None:
        """The next range of about ``batch_rows`` pending rows; None at the end of the pass.

        An error of ``look_up`` passes through and nothing was handed out.
        """
        with self._lock:
            if self._closed:
                return None
            if batch_rows != self._ahead_batch_rows or self._clock() > self._ahead_until:
                self._ahead.clear()
            if not self._ahead:
                self._look_ahead(batch_rows, look_up)
            if not self._ahead:
                return None
            keys = KeyRange(self._after, self._ahead.popleft())
            self._after = keys.upper
            return keys

    def _look_ahead(self, batch_rows: int, look_up: LookUp) -> None:
        ahead_rows = batch_rows * max(1, LOOK_AHEAD_ROWS // batch_rows)
        self._ahead.extend(look_up(self._after, batch_rows, ahead_rows))
        self._ahead_batch_rows = batch_rows
        self._ahead_until = self._clock() + LOOK_AHEAD_SECONDS

    def close(self) -> None:
        """End the pass: nothing more is handed out."""
        self._closed = True
