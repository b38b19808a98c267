"""Show no more than people and programs can follow."""

from __future__ import annotations

from collections.abc import Callable

from token_rotation.events import BatchDone, Event
from token_rotation.run.display.display import Display

SHORTEST_SECONDS = 0.1


class Sampled:
    """Passes at most ten batches a second to another display.

    The last one is always passed, at the end.

    There may be thousands of small batches a second, and drawing one costs more than rotating it.
    The progress has counted them all.
    """

    def __init__(self, display: Display, clock: Callable[[], float]) -> None:
        self._display = display
        self._clock = clock
        self._next_at = clock()
        self._left_out: BatchDone | None = None

    def show(self, event: Event) -> None:
        if isinstance(event, BatchDone):
            now = self._clock()
            if now < self._next_at:
                self._left_out = event
                return
            self._next_at = now + SHORTEST_SECONDS
            self._left_out = None
        self._display.show(event)

    def close(self) -> None:
        if self._left_out is not None:
            self._display.show(self._left_out)
        self._display.close()
