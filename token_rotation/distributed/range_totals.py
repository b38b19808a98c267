"""What the attempts at one range have done, also those that were killed."""

from __future__ import annotations

from typing import Any

from token_rotation.distributed.records import figures_of
from token_rotation.engine.result import Result
from token_rotation.operations.models import BatchOperation
from token_rotation.run.result_values import figures


class Ledger:
    """The figures of one attempt at a range, and of those before it.

    The first attempt counts its confirmed commits. One that was killed cannot say how much it had
    committed, so whoever comes after it asks the data: the range had ``total_rows`` pending when
    its first attempt began, which is stored before anything is rotated. What is no longer pending
    has been rotated. That is exact as long as nobody but this rotation rotates in the range of a
    killed attempt. Batches, retries and waits are in no data: of those that a killed attempt had
    after its last sign of life nobody knows.
    """

    def __init__(self, part: BatchOperation, pending_rows: int) -> None:
        """Begin an attempt that finds ``pending_rows`` in the range, and store that it began.

        Raises NotRunningError when the range was finished meanwhile.
        """
        stored_total = part.progress_total
        self.is_first = stored_total is None
        self.total_rows = pending_rows if stored_total is None else stored_total
        self.earlier_rows = 0 if self.is_first else self._gone(part.progress_done, pending_rows)
        self._earlier_figures = figures_of(part)
        part.beat(self.earlier_rows, self.total_rows)

    def done_rows(self, confirmed_rows: int) -> int:
        """All attempts together, while this one works."""
        return self.earlier_rows + confirmed_rows

    def final_rows(self, confirmed_rows: int, pending_rows: int) -> int:
        """All attempts together at this one's end, with ``pending_rows`` left in the range.

        One that was taken for dead may have gone on for a while.
        """
        done_rows = self.done_rows(confirmed_rows)
        return done_rows if self.is_first else self._gone(done_rows, pending_rows)

    def figures(self, result: Result) -> dict[str, Any]:
        """Batches, retries and waits of all attempts together, with this one at ``result``."""
        whole = Result()
        whole.add(self._earlier_figures)
        whole.add(figures(result))
        names = ("batches", "retries", "waited_seconds", "batch_seconds")
        return {name: value for name, value in figures(whole).items() if name in names}

    def _gone(self, known_rows: int, pending_rows: int) -> int:
        return max(known_rows, self.total_rows - pending_rows)


def rows_of_failed(part: BatchOperation, pending_rows: int) -> int:
    """The figure of a range whose attempts have all failed, with ``pending_rows`` left in it."""
    if part.progress_total is None:
        return 0
    return max(part.progress_done, part.progress_total - pending_rows)
