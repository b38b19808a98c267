"""Delays of probes, and what a rotation adds to them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from token_rotation.pacing.budget.queues import Sessions

NOBODY = Sessions()


@dataclass(frozen=True, slots=True)
class Delay:
    """One probe: when it began, and how long it took, in seconds.

    ``others`` are the sessions of others that it saw.
    """

    began_at: float
    seconds: float
    others: Sessions = NOBODY


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

    def others(self, now: float, within_seconds: float = math.inf) -> Sessions:
        """Return how many sessions of others there were on the average; none without a delay."""
        seen = [delay.others for delay in self._since(now, within_seconds)]
        count = max(1, len(seen))
        return Sessions(
            at_work=sum(others.at_work for others in seen) / count,
            waiting=sum(others.waiting for others in seen) / count,
            hidden=sum(others.hidden for others in seen) / count,
        )

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
