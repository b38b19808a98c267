"""A histogram, of fixed size, of the seconds batches took."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from token_rotation.operations.stored_output import read_number, read_object

# Seconds. Records keep counts under these bounds, so more may be added, and none changed.
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
EVERY_BOUND = (*(f"{bound:g}" for bound in BOUNDS), "+Inf")


@dataclass(slots=True)
class BatchSeconds:
    """A histogram of batch times, and their sum.

    Each batch counts at the first bound that it did not exceed.
    """

    sum_seconds: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * len(EVERY_BOUND))

    def record(self, seconds: float) -> None:
        """Count one batch."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum_seconds += seconds

    def cumulative(self) -> list[tuple[str, int]]:
        """Return each bound with the batches that took no longer.

        This is the form that Prometheus expects.
        """
        return list(zip(EVERY_BOUND, accumulate(self.counts), strict=True))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON values that a record keeps.

        Bounds without batches are left out.
        """
        counts = {b: count for b, count in zip(EVERY_BOUND, self.counts, strict=True) if count}
        return {"sum": round(self.sum_seconds, 6), "counts": counts}

    def add(self, kept: Any) -> None:
        """Add what a record has kept.

        Anything else, as in an old record, adds nothing.
        """
        stored = read_object(kept)
        counts = read_object(stored.get("counts"))
        self.sum_seconds += read_number(stored.get("sum"))
        for place, bound in enumerate(EVERY_BOUND):
            self.counts[place] += read_number(counts.get(bound))
