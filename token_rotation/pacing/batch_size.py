"""Decide how many rows the next batch takes."""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol

GROWTH_AT_MOST = 1.5
CUT_WHEN_TIMES_OVER = 5.0
CUT_DIVISOR = 10
SAMPLES = 10
LARGEST_BATCH_ROWS = 4_000
ROWS_PER_TARGET_SECOND = 20_000


class BatchSize(Protocol):
    """The size of a batch, from earlier batches' times."""

    @property
    def rows(self) -> int: ...

    @property
    def largest_rows(self) -> int: ...

    def record(self, rows: int, seconds: float) -> None: ...

    def cut(self) -> None: ...


class FixedBatchSize:
    """The batch size that the operator asked for.

    It is less where that runs into time-outs.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows

    @property
    def rows(self) -> int:
        return self._rows

    @property
    def largest_rows(self) -> int:
        return self._rows

    def record(self, rows: int, seconds: float) -> None:
        """Learn nothing: a fixed size stays after good batches."""

    def cut(self) -> None:
        """Take a tenth from now on, after a time-out."""
        self._rows = max(1, self._rows // CUT_DIVISOR)


class AdaptiveBatchSize:
    """Batch sizes so that 90 % end within ``target_seconds``.

    The target is that nine in ten batches end in time.

    - The 90th percentile of the seconds a row took, over the last 10 batches, gives the rows that
      fit into the target.
    - The size grows at most 1.5 times from one batch to the next, however fast the last ones were:
      a run of quick batches in a quiet second must not end in a long one.
    - A batch that took five times the target cuts the size to a tenth at once and forgets what was
      learned before: the server is in another state now.
    - ``maximum_rows`` is 20,000 rows per second of target, at least 4,000, unless given. A fast
      server could do more in that time. But 4,000 rows make the cost of a statement negligible, and
      PostgreSQL flushes the WAL of a batch at once, which traffic feels.

    >>> size = AdaptiveBatchSize(target_seconds=0.2, first_rows=1000)
    >>> size.record(1000, 0.01)  # 20,000 rows would fit; growth stops at 1.5 times
    >>> size.rows
    1500
    """

    def __init__(
        self,
        target_seconds: float,
        *,
        first_rows: int = 1_000,
        minimum_rows: int = 10,
        maximum_rows: int | None = None,
    ) -> None:
        self._target_seconds = target_seconds
        self._minimum_rows = minimum_rows
        self._maximum_rows = maximum_rows or max(
            LARGEST_BATCH_ROWS, int(ROWS_PER_TARGET_SECOND * target_seconds)
        )
        self._rows = first_rows
        self._seconds_per_row: deque[float] = deque(maxlen=SAMPLES)

    @property
    def rows(self) -> int:
        return self._rows

    @property
    def largest_rows(self) -> int:
        return self._maximum_rows

    def record(self, rows: int, seconds: float) -> None:
        """Learn from one batch that changed ``rows`` rows in ``seconds``.

        A batch that found less than half of what it asked for says little about a full one, and
        teaches only when it was slow.
        """
        if seconds > CUT_WHEN_TIMES_OVER * self._target_seconds:
            self.cut()
        elif rows * 2 >= self._rows:
            self._seconds_per_row.append(seconds / rows)
            fitting_rows = self._target_seconds / max(self._p90(), 1e-9)
            self._set_rows(min(fitting_rows, self._rows * GROWTH_AT_MOST))

    def cut(self) -> None:
        """Take a tenth, and learn anew from there.

        The batch was far too long or ran into a time-out.
        """
        self._seconds_per_row.clear()
        self._set_rows(self._rows / CUT_DIVISOR)

    def _p90(self) -> float:
        ordered = sorted(self._seconds_per_row)
        return ordered[math.ceil(0.9 * len(ordered)) - 1]

    def _set_rows(self, rows: float) -> None:
        self._rows = max(self._minimum_rows, min(self._maximum_rows, int(rows)))
