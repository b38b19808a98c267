"""Decide on the wait before the next batch.

It says if there is one, how long it is, and why.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from token_rotation.pacing.health_signal import HealthSignal
from token_rotation.pacing.pace import Pace

HEALTH_EVERY_SECONDS = 1.0
TRAFFIC_LASTS_SECONDS = 5.0
TRAFFIC_REST = 2.0
"""Beside traffic the rotation rests after a batch for this many times the batch's duration."""

LOOK_AGAIN_SECONDS = 0.5
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
    - While ``others_at_work`` returns True, and for five seconds after, the rotation meets traffic.
      Then no batch takes more than ``traffic_batch_rows``, and a worker rests after each batch
      twice as long as the batch took. So traffic has the server for two thirds of the time, for
      less with several workers. 0 disables detection. None means that batches have a fixed size,
      which no change of pace alters.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        pause_seconds: float = 0.0,
        max_rows_per_second: int | None = None,
        signals: tuple[HealthSignal, ...] = (),
        traffic_batch_rows: int | None = 0,
        others_at_work: Callable[[Any], bool] | None = None,
    ) -> None:
        self._clock = clock
        self._lock = Lock()
        self._pause_seconds = pause_seconds
        self._max_rows_per_second = max_rows_per_second
        self._signals = signals
        self._traffic_batch_rows = traffic_batch_rows
        self._others_at_work = others_at_work
        self._traffic_until = -math.inf
        self._health_wait: Wait | None = None
        self._pause_until = self._rest_until = self._allowed_at = self._read_again_at = clock()

    def batch_rows(self, rows: int) -> int:
        """The rows of a batch that would otherwise take ``rows``."""
        if self._max_rows_per_second is not None:
            rows = min(rows, self._max_rows_per_second)
        if self._traffic_batch_rows and self.meets_traffic:
            rows = min(rows, self._traffic_batch_rows)
        return rows

    @property
    def meets_traffic(self) -> bool:
        """Return True when others worked within the last five seconds."""
        return self._clock() < self._traffic_until

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
            if self._traffic_batch_rows is not None:
                self._traffic_batch_rows = pace.traffic_batch_rows
                self._read_again_at = now
                if pace.traffic_batch_rows == 0:
                    self._traffic_until, self._rest_until = -math.inf, now

    def _rows_ahead(self, now: float) -> float:
        return max(0.0, self._allowed_at - now) * (self._max_rows_per_second or 0)

    def batch_done(self, rows: int, started_at: float) -> None:
        """Note a committed batch of ``rows`` rows.

        Its own time counts towards the rate.
        """
        with self._lock:
            now = self._clock()
            self._pause_until = now + self._pause_seconds
            if self._traffic_batch_rows and self.meets_traffic:
                rest_until = now + TRAFFIC_REST * (now - started_at)
                self._rest_until = max(self._rest_until, rest_until)
            if self._max_rows_per_second is not None:
                since = max(self._allowed_at, started_at)
                self._allowed_at = since + rows / self._max_rows_per_second

    def next_wait(self, source: Any = None) -> Wait | None:
        """Return the wait before the next batch.

        None when it may start now.

        Readings are taken from ``source``, such as the connection of the worker that asks.
        """
        with self._lock:
            now = self._clock()
            left_seconds = max(self._pause_until, self._allowed_at) - now
            if left_seconds > 0:
                wait_seconds = min(left_seconds, LONGEST_WAIT_SECONDS)
                return Wait(wait_seconds, "pace", "the pace asked for", is_trouble=False)
            if self._rest_until > now:
                wait_seconds = min(self._rest_until - now, LONGEST_WAIT_SECONDS)
                return Wait(wait_seconds, "traffic", "giving way to traffic", is_trouble=False)
            if now >= self._read_again_at:
                self._health_wait = self._read(source)
            elif self._health_wait is not None:  # which another thread was told
                left_seconds = self._read_again_at - now
                self._health_wait = replace(self._health_wait, seconds=left_seconds)
            return self._health_wait

    def _read(self, source: Any) -> Wait | None:
        others_at_work = self._others_at_work if self._traffic_batch_rows != 0 else None
        if others_at_work is not None and others_at_work(source):
            self._traffic_until = self._clock() + TRAFFIC_LASTS_SECONDS
        for signal in self._signals:
            reading = signal.read(source)
            if signal.gate.update(reading):
                self._read_again_at = self._clock() + LOOK_AGAIN_SECONDS
                return Wait(LOOK_AGAIN_SECONDS, signal.kind, signal.tell(reading))
        self._read_again_at = self._clock() + HEALTH_EVERY_SECONDS
        return None
