"""Decide on the wait before the next batch.

It says if there is one, how long it is, and why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from token_rotation.pacing.budget.traffic_budget import TrafficBudget
from token_rotation.pacing.gates.gate import HealthSignal
from token_rotation.pacing.pace import Pace

HEALTH_EVERY_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 0.5
PAUSED = "paused by an operator; --resume lets it go on"
REST = "giving way to traffic"
LONGEST_WAIT_SECONDS = 1.0
"""A longer wait is asked for again: the pace may have changed."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait of ``seconds``; ask again after it.

    ``kind`` names the cause, ``reason`` tells it to people.

    ``is_trouble`` is False for waits that the operator asked for, which need no announcement.
    """

    seconds: float
    kind: str
    reason: str
    is_trouble: bool = True


class Throttle:
    """The pace of all workers together.

    Any number of threads may use it.

    - ``pause_seconds`` lie between two batches.
    - With ``max_rows_per_second`` a batch starts no sooner than the rows before it allow, and takes
      no more rows than one second's worth.
    - Health signals are read once a second while all is well, twice a second while one says wait,
      however many threads ask.
    - With a ``budget`` no batch takes more rows than it allows, and workers rest as it says. None
      means that batches have a fixed size, which no change of pace alters.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        pause_seconds: float = 0.0,
        max_rows_per_second: int | None = None,
        signals: tuple[HealthSignal, ...] = (),
        budget: TrafficBudget | None = None,
    ) -> None:
        self._clock = clock
        self._lock = Lock()
        self._pause_seconds = pause_seconds
        self._max_rows_per_second = max_rows_per_second
        self._signals = signals
        self._budget = budget
        self._paused = False
        self._health_wait: Wait | None = None
        self._pause_until = self._allowed_at = self._read_again_at = clock()

    def batch_rows(self, rows: int) -> int:
        """The rows of a batch that would otherwise take ``rows``."""
        if self._max_rows_per_second is not None:
            rows = min(rows, self._max_rows_per_second)
        if self._budget is not None and self._budget.is_on:
            rows = min(rows, self._budget.rows)
        return rows

    @property
    def giving_way_because(self) -> str:
        """Return why the budget holds the work back, "" where it does not."""
        return "" if self._budget is None else self._budget.tight_because

    @property
    def meets_traffic(self) -> bool:
        """Return True where others are at work, or felt the rotation lately."""
        return self._budget is not None and self._budget.meets_traffic

    @property
    def may_meet_traffic(self) -> bool:
        """Return True also while it is not known."""
        return self._budget is not None and self._budget.may_meet_traffic

    @property
    def holds_back(self) -> bool:
        """Return True when a health signal's last reading said wait."""
        return any(signal.gate.closed for signal in self._signals)

    def change(self, pace: Pace) -> None:
        """Go on at another pace, from the next batch on.

        A wait that has begun changes with it: rows that were ahead of the old rate are ahead of the
        new one, and a pause lasts no longer than the new one.
        """
        with self._lock:
            now = self._clock()
            self._allowed_at = now + self._rows_ahead(now) / (pace.max_rows_per_second or math.inf)
            self._pause_until = min(self._pause_until, now + pace.pause_seconds)
            self._max_rows_per_second = pace.max_rows_per_second
            self._pause_seconds = pace.pause_seconds
            self._paused = pace.paused
            if self._budget is not None:
                self._budget.change(pace.traffic_budget_ms / 1000)

    def _rows_ahead(self, now: float) -> float:
        return max(0.0, self._allowed_at - now) * (self._max_rows_per_second or 0)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """A batch is at work while inside, whether it commits or fails."""
        budget = self._budget
        if budget is None:
            yield
            return
        began_at = budget.batch_begins()
        try:
            yield
        finally:
            budget.batch_ends(began_at)

    def batch_done(self, rows: int, started_at: float) -> None:
        """Note a committed batch of ``rows`` rows.

        Its own time counts towards the rate.
        """
        with self._lock:
            now = self._clock()
            self._pause_until = now + self._pause_seconds
            if self._max_rows_per_second is not None:
                since = max(self._allowed_at, started_at)
                self._allowed_at = since + rows / self._max_rows_per_second

    def next_wait(self, source: Any = None, rank: int = 0) -> Wait | None:
        """Return the wait before the next batch.

        None when it may start now.

        Readings are taken from ``source``, such as the connection of the worker that asks.
        """
        with self._lock:
            now = self._clock()
            if self._paused:
                return Wait(LOOK_AGAIN_SECONDS, "pause", PAUSED)
            left_seconds = max(self._pause_until, self._allowed_at) - now
            if left_seconds > 0:
                wait_seconds = min(left_seconds, LONGEST_WAIT_SECONDS)
                return Wait(wait_seconds, "pace", "the pace asked for", is_trouble=False)
            rest = None if self._budget is None else self._budget.wait_seconds(rank)
            if rest is not None:
                return Wait(min(rest, LONGEST_WAIT_SECONDS), "traffic", REST, is_trouble=False)
            if now >= self._read_again_at:
                self._health_wait = self._read(source)
            elif self._health_wait is not None:  # which another thread was told
                left_seconds = self._read_again_at - now
                self._health_wait = replace(self._health_wait, seconds=left_seconds)
            return self._health_wait

    def _read(self, source: Any) -> Wait | None:
        for signal in self._signals:
            reading = signal.read(source)
            if signal.gate.update(reading):
                self._read_again_at = self._clock() + LOOK_AGAIN_SECONDS
                return Wait(LOOK_AGAIN_SECONDS, signal.kind, signal.tell(reading))
        self._read_again_at = self._clock() + HEALTH_EVERY_SECONDS
        return None
