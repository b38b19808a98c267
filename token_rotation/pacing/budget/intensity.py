"""How hard a rotation works: one number, from the gentlest to full speed."""

from __future__ import annotations

import math
from dataclasses import dataclass

GENTLEST_ROWS = 15
"""A batch is never smaller for the sake of traffic; below it, rests between batches grow."""

LEAST_DUTY = 0.05
"""The gentlest rotation works for a twentieth of the time."""

REST_LEVELS = -math.log2(LEAST_DUTY)


@dataclass(frozen=True, slots=True)
class Actuators:
    """What a level means: rows a batch, rest in multiples of a batch's time, workers at work."""

    rows: int
    rest: float
    workers: int


class Intensity:
    """The level of a rotation, and its steps.

    One level doubles the work: first the rests between the smallest batches shrink, then batches
    grow to ``largest_rows``, then more workers join, up to ``workers``. So the cheapest way to
    spare others comes first on the way down: a small batch holds locks and the WAL's flush for a
    shorter time, and costs less rate than a rest.
    """

    def __init__(self, *, largest_rows: int, workers: int = 1) -> None:
        self._largest_rows = max(largest_rows, GENTLEST_ROWS)
        self._workers = workers
        self._row_levels = math.log2(self._largest_rows / GENTLEST_ROWS)
        self.highest = REST_LEVELS + self._row_levels + math.log2(workers)
        self.level = 0.0

    @property
    def is_full(self) -> bool:
        """Return True where nothing is held back."""
        return self.level >= self.highest

    @property
    def is_least(self) -> bool:
        return self.level <= 0

    def multiply(self, factor: float) -> None:
        """Work ``factor`` times as hard, within the bounds."""
        self.level = min(self.highest, max(0.0, self.level + math.log2(factor)))

    def begin_at(self, rows: int) -> None:
        """Begin with batches of so many rows, one worker and no rest."""
        self.level = REST_LEVELS + math.log2(max(1.0, rows / GENTLEST_ROWS))
        self.level = min(self.level, self.highest)

    @property
    def actuators(self) -> Actuators:
        rests = max(0.0, REST_LEVELS - self.level)
        above = min(max(0.0, self.level - REST_LEVELS), self._row_levels)
        beyond = max(0.0, self.level - REST_LEVELS - self._row_levels)
        rows = self._largest_rows if above == self._row_levels else GENTLEST_ROWS * 2**above
        return Actuators(
            rows=round(rows),
            rest=2**rests - 1,
            workers=min(self._workers, math.floor(2**beyond + 1e-9)),
        )
