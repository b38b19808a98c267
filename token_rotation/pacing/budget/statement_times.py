"""What a rotation adds to the statements of others, as pg_stat_statements counts them."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass

FEWEST_CALLS = 50
AWAITED_SECONDS = 5.0
FEWEST_CALLS_EACH = 8
"""In the rests: one call of a statement must not tell what all its others are to take."""


@dataclass(frozen=True, slots=True)
class Totals:
    """How often one statement has run, and for how many seconds in all, since somebody reset it."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Interval:
    ended_at: float
    at_rest: bool
    ran: Mapping[int, Totals]


class StatementTimes:
    """Compares each statement's mean time beside the rotation with that in its rests.

    Only statements that ran in both count, each as often as it ran beside the rotation: another
    mixture of short and long ones adds nothing. An interval at rest of more than
    ``longest_rest_seconds`` was none: a probe failed, or the rotation went on without it.
    """

    def __init__(
        self, *, rest_seconds: float, beside_seconds: float, longest_rest_seconds: float
    ) -> None:
        self._rest_seconds, self._beside_seconds = rest_seconds, beside_seconds
        self._longest_rest_seconds = longest_rest_seconds
        self._last: Mapping[int, Totals] | None = None
        self._last_at = 0.0
        self._is_known = False
        self._awaits_until = -math.inf
        self._intervals: deque[_Interval] = deque()

    def read(self, now: float, totals: Mapping[int, Totals], *, at_rest: bool) -> None:
        """Take the totals by statement at the end of a rest, or of a time between two."""
        last, self._last = self._last, totals
        since, self._last_at = self._last_at, now
        while self._intervals and self._intervals[0].ended_at < now - self._rest_seconds:
            self._intervals.popleft()
        if last is None or (at_rest and now - since > self._longest_rest_seconds):
            return
        self._intervals.append(_Interval(now, at_rest, _since(last, totals)))
        if not at_rest:
            self._awaits_until = -math.inf

    def clear_beside(self, now: float) -> None:
        """Forget what ran beside the rotation, which works less hard now."""
        if self._is_known:
            self._is_known, self._awaits_until = False, now + AWAITED_SECONDS
        self._intervals = deque(each for each in self._intervals if each.at_rest)
        self._last = None

    def is_awaited(self, now: float) -> bool:
        """Return True where something was known, and what has run since is not read yet."""
        return now < self._awaits_until

    @property
    def begins_anew(self) -> bool:
        """Return True where the next totals begin an interval and end none."""
        return self._last is None

    def added_seconds(self, now: float) -> float | None:
        """Return how much longer a statement takes on the average.

        None where too few have run.
        """
        at_rest = self._ran(now - self._rest_seconds, at_rest=True)
        beside = self._ran(now - self._beside_seconds, at_rest=False)
        both = {
            each
            for each in at_rest.keys() & beside.keys()
            if at_rest[each].calls >= FEWEST_CALLS_EACH
        }
        calls = sum(beside[each].calls for each in both)
        if min(calls, sum(at_rest[each].calls for each in both)) < FEWEST_CALLS:
            return None
        self._is_known = True
        expected = sum(
            at_rest[each].seconds / at_rest[each].calls * beside[each].calls for each in both
        )
        return (sum(beside[each].seconds for each in both) - expected) / calls

    def _ran(self, since: float, *, at_rest: bool) -> dict[int, Totals]:
        calls, seconds = defaultdict[int, int](int), defaultdict[int, float](float)
        for interval in self._intervals:
            if interval.at_rest is at_rest and interval.ended_at >= since:
                for each, ran in interval.ran.items():
                    calls[each] += ran.calls
                    seconds[each] += ran.seconds
        return {each: Totals(calls[each], seconds[each]) for each in calls}


def _since(last: Mapping[int, Totals], totals: Mapping[int, Totals]) -> dict[int, Totals]:
    """What ran between two readings. A statement that was reset in between is left out."""
    ran = {
        each: Totals(now.calls - last[each].calls, now.seconds - last[each].seconds)
        for each, now in totals.items()
        if each in last
    }
    return {each: more for each, more in ran.items() if more.calls > 0 and more.seconds >= 0}
