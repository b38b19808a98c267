"""Delays of probes, and what a rotation adds to them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delay:
    """One probe: when it began, and how long it took, in seconds.

    ``busy_sessions`` of others were at work meanwhile.
    """

    began_at: float
    seconds: float
    busy_sessions: int = 0


class DelayWindow:
    """The delays of the last ``horizon_seconds``, at most ``at_most`` of them.

    Old ones are forgotten, as servers drift (the base delay history of LEDBAT, RFC 6817, 4.2).
    """

    def __init__(self, horizon_seconds: float, *, at_most: int = 400) -> None:
        self._horizon_seconds = horizon_seconds
        self._delays: deque[Delay] = deque(maxlen=at_most)

    def __len__(self) -> int:
        return len(self._delays)

    def add(self, delay: Delay) -> None:
        self._delays.append(delay)

    def clear(self) -> None:
        self._delays.clear()

    def drop(self, oldest: int) -> None:
        """Forget so many of the oldest."""
        for _ in range(min(oldest, len(self._delays))):
            self._delays.popleft()

    def seconds(self, now: float, within_seconds: float = math.inf) -> list[float]:
        """Return the delays that began within so long before now, in order of time."""
        return [delay.seconds for delay in self._since(now, within_seconds)]

    def mean_busy_sessions(self, now: float, within_seconds: float = math.inf) -> float:
        """Return how many sessions of others were at work; 0 without a delay."""
        delays = self._since(now, within_seconds)
        return sum(delay.busy_sessions for delay in delays) / max(1, len(delays))

    def _since(self, now: float, within_seconds: float) -> list[Delay]:
        since = now - min(self._horizon_seconds, within_seconds)
        while self._delays and self._delays[0].began_at < now - self._horizon_seconds:
            self._delays.popleft()
        return [delay for delay in self._delays if delay.began_at >= since]


def quantile(seconds: Iterable[float], part: float) -> float:
    """Return the value below which ``part`` of them lie, from 0 to 1. Nearest rank."""
    ordered = sorted(seconds)
    if not ordered:
        raise ValueError("no delays")
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]
