"""Beats that are sparing with writes, for a loop that does thousands of steps a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Beating(Protocol):
    """What has a heartbeat, such as a BatchOperation."""

    def beat(self, done: int | None = None, total: int | None = None) -> bool:
        """Write progress; whether a stop was asked for."""


class Heartbeat:
    """Call ``tick`` after every step: at most one in ``interval_seconds`` reaches the database.

    The first tick does. For one thread; ``clock`` gives seconds that never go backwards.
    """

    def __init__(
        self, operation: Beating, *, interval_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._operation = operation
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._next_at: float | None = None
        self._stop_requested = False

    def tick(self, done: int | None = None, total: int | None = None) -> bool:
        """Whether a stop was asked for, as far as the last beat knows.

        Raises what ``beat`` raises; the next tick then tries again.
        """
        now = self._clock()
        if self._next_at is None or now >= self._next_at:
            self._stop_requested = self._operation.beat(done, total)
            self._next_at = now + self._interval_seconds
        return self._stop_requested
