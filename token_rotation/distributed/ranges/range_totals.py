"""Totals of all attempts at one range.

They include attempts that were killed.
"""

from __future__ import annotations

from typing import Any

from token_rotation.distributed.results import figures_of
from token_rotation.engine.result import Result
from token_rotation.operations.models import BatchOperation
from token_rotation.run.recording.result_values import figures


class RangeTotals:
    """The figures of one attempt and of those before it.

    They are of attempts at one range. The first attempt counts its confirmed commits. A killed
    attempt cannot say how much it had committed, so the next one asks the data.

    The first attempt stores ``total_rows``, what is pending in the range, before it rotates
    anything. What is no longer pending was rotated. That is exact while only this rotation rotates
    in the range.

    Batches, retries and waits cannot be recovered from the data: those after the last beat of a
    killed attempt are lost.
    """

    def __init__(self, work_range: BatchOperation, pending_rows: int) -> None:
        """Begin an attempt and store that it began.

        It finds ``pending_rows`` in the range. Raises NotRunningError when the range was finished
        meanwhile.
        """
        stored_total = work_range.progress_total
        self.is_first = stored_total is None
        self.total_rows = pending_rows if stored_total is None else stored_total
        self.earlier_rows = (
            0 if self.is_first else self._gone(work_range.progress_done, pending_rows)
        )
        self._earlier_figures = figures_of(work_range)
        work_range.beat(self.earlier_rows, self.total_rows)

    def done_rows(self, confirmed_rows: int) -> int:
        """Rows of all attempts together, while this one works."""
        return self.earlier_rows + confirmed_rows

    def final_rows(self, confirmed_rows: int, pending_rows: int) -> int:
        """Return the rows of all attempts when this one ends.

        This one leaves ``pending_rows`` in the range. An earlier attempt that seemed dead may have
        gone on for a while.
        """
        done_rows = self.done_rows(confirmed_rows)
        return done_rows if self.is_first else self._gone(done_rows, pending_rows)

    def figures(self, result: Result) -> dict[str, Any]:
        """Return batches, retries and waits of all attempts together.

        This attempt is at ``result``.
        """
        whole = Result()
        whole.add(self._earlier_figures)
        whole.add(figures(result))
        names = ("batches", "retries", "waited_seconds", "batch_seconds")
        return {name: value for name, value in figures(whole).items() if name in names}

    def _gone(self, known_rows: int, pending_rows: int) -> int:
        return max(known_rows, self.total_rows - pending_rows)


def rows_of_failed(work_range: BatchOperation, pending_rows: int) -> int:
    """Return the rows of a range whose attempts all failed.

    They left ``pending_rows``.
    """
    if work_range.progress_total is None:
        return 0
    return max(work_range.progress_done, work_range.progress_total - pending_rows)
