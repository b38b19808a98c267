"""Progress, recent rate and remaining time of a rotation."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from token_rotation import wording

WINDOW_SECONDS = 30.0
STEP_SECONDS = 0.1
ROTATING = ("rotating", "rotated")


class Progress:
    """Done, total, recent rate and remaining time of one rotation.

    The rate is that of the last 30 seconds, waits included. So the remaining time recovers soon
    after a pause, which would distort the mean of the whole run for as long as it lasted.
    ``total_rows`` grows when more rows turn out to be pending than were counted. ``words`` say what
    is done with rows, and was.
    """

    def __init__(
        self,
        total_rows: int,
        *,
        total_is_estimate: bool = False,
        clock: Callable[[], float],
        words: tuple[str, str] = ROTATING,
    ) -> None:
        self._clock = clock
        self.doing_word, self.done_word = words
        self._recent: deque[tuple[float, int]] = deque([(clock(), 0)])
        self._counted_rows = total_rows
        self.total_is_estimate = total_is_estimate
        self.done_rows = 0
        self.skipped_rows = 0

    @property
    def total_rows(self) -> int:
        return max(self._counted_rows, self.done_rows)

    @property
    def pending_rows(self) -> int:
        return self.total_rows - self.done_rows

    @property
    def percent(self) -> float:
        """Return 0 to 100.

        It is 100 only when nothing is known to be pending.
        """
        return wording.percent(self.done_rows, self.total_rows)

    def reach(self, done_rows: int, *, skipped_rows: int = 0) -> None:
        """Note that ``done_rows`` are done so far.

        ``skipped_rows`` are those of the last batch.

        The worker that did the rows has counted them: ``done_rows`` is a whole figure. A lower one
        changes nothing.
        """
        now = self._clock()
        self.done_rows = max(self.done_rows, done_rows)
        self.skipped_rows += skipped_rows
        if len(self._recent) < 2 or now - self._recent[-2][0] >= STEP_SECONDS:
            self._recent.append((now, self.done_rows))
        else:
            self._recent[-1] = (now, self.done_rows)
        while len(self._recent) > 2 and self._recent[1][0] <= now - WINDOW_SECONDS:
            self._recent.popleft()

    def rows_per_second(self) -> float | None:
        """Return the rate of the last 30 seconds.

        None when nothing was done in them.
        """
        now = self._clock()
        in_window = (sample for sample in self._recent if sample[0] >= now - WINDOW_SECONDS)
        since, rows_then = next(in_window, self._recent[-1])
        rows = self.done_rows - rows_then
        seconds = now - since
        return rows / seconds if rows > 0 and seconds > 0 else None

    def remaining_seconds(self) -> float | None:
        """Return the remaining time at the recent rate.

        None when the rate is unknown.
        """
        rate = self.rows_per_second()
        return None if rate is None else self.pending_rows / rate
