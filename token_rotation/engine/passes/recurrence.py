"""Tell rows that become pending again as fast as they are rotated."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from token_rotation.engine.passes.pass_outcome import PassOutcome

PASSES = 20
PASSES_OF_MANY_ROWS = 3
MANY_ROWS = 100_000
PASSES_WITHOUT_FEWER = 100


class Recurrence:
    """A judgement of all passes so far, by what is pending after each.

    Somebody may ask for a row again at any time, so it takes many passes: ``PASSES`` in a row after
    each of which the same rows were pending, though they were rotated, or ``PASSES_OF_MANY_ROWS``
    that rotated ``MANY_ROWS``. Or ``PASSES_WITHOUT_FEWER`` that found no fewer rows than one before
    them, for ``at_most_seconds``.
    """

    def __init__(self, clock: Callable[[], float], *, at_most_seconds: float) -> None:
        self._clock = clock
        self._at_most_seconds = at_most_seconds
        self._keys: AbstractSet[str] = frozenset()
        self._rotated_rows = 0
        self._fewest: float = math.inf
        self._fewest_at = clock()
        self._passes_since_fewest = 0
        self.rows = 0
        """Rows rotated in the passes that count."""
        self.passes = 0
        """Passes in a row after which the same rows were pending."""

    def is_hopeless(self, left: PassOutcome, rotated_rows: int, keys: AbstractSet[str]) -> bool:
        """Return True when there were enough such passes, this one included.

        ``rotated_rows`` are those since the beginning; ``keys`` are the first that are pending now.
        Rows that the pass skipped may be among them.
        """
        rows = rotated_rows - self._rotated_rows
        again = self._keys & keys
        self._rotated_rows, self._keys = rotated_rows, keys
        if not rows and not left.did_not_stick:
            return False  # no row was rotated that could be pending again
        if len(again) > left.skipped_rows:
            self.passes, self.rows = self.passes + 1, self.rows + rows
        else:
            self.passes = self.rows = 0
        return self._same_rows or self._never_fewer(rows + left.skipped_rows)

    @property
    def _same_rows(self) -> bool:
        many = self.passes >= PASSES_OF_MANY_ROWS and self.rows >= MANY_ROWS
        return many or self.passes >= PASSES

    def _never_fewer(self, found_rows: int) -> bool:
        self._passes_since_fewest += 1
        if found_rows < self._fewest:
            self._fewest, self._fewest_at = found_rows, self._clock()
            self._passes_since_fewest = 0
        is_long = self._clock() - self._fewest_at >= self._at_most_seconds
        return is_long and self._passes_since_fewest >= PASSES_WITHOUT_FEWER
