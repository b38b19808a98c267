"""The wait before another try."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential waits with jitter, each and in total bounded.

    Attempt 1, 2, 3, ... waits a random time between half and all of ``first_seconds`` times
    1, 2, 4, ..., never more than ``longest_seconds``. ``give_up_after_seconds`` is the time that
    all tries together may take.
    """

    give_up_after_seconds: float
    first_seconds: float = 0.1
    longest_seconds: float = 5.0

    def next_wait(self, attempt: int, failing_seconds: float) -> float | None:
        """Return the seconds to wait after the n-th failed attempt.

        None when the time is up.

        ``failing_seconds`` is the time spent so far. The last wait ends when the time is up, so a
        server that comes back at the last moment is still tried.
        """
        left_seconds = self.give_up_after_seconds - failing_seconds
        if left_seconds <= 0:
            return None
        return min(self.delay_seconds(attempt, random.random), left_seconds)

    def delay_seconds(self, attempt: int, random: Callable[[], float]) -> float:
        """Return the wait, without regard to the time left.

        In seconds. ``random`` gives a number in [0, 1).
        """
        full = min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempt - 1, 1000))
        return full * (0.5 + 0.5 * random())
