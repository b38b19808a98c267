"""Plain lines every few seconds, for logs and pipes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from token_rotation import wording
from token_rotation.events import BatchDone, Event, RangesSeen, Remark, Retrying, Verifying, Waiting
from token_rotation.run.progress import Progress

EVERY_SECONDS = 5.0


class Lines:
    """Display that writes a line every 5 s.

    It writes the first batch, retries and the start of a wait at once.
    """

    def __init__(
        self,
        progress: Progress,
        stream: TextIO,
        *,
        clock: Callable[[], float],
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._progress = progress
        self._stream = stream
        self._clock = clock
        self._every_seconds = every_seconds
        self._next_at = clock()
        self._waiting = False

    def show(self, event: Event) -> None:
        match event:
            case BatchDone():
                self._waiting = False
                if self._clock() >= self._next_at:
                    self._write_in_turn(self._where(event))
            case RangesSeen() | Verifying():
                if self._clock() >= self._next_at:
                    self._write_in_turn(self._seen(event))
            case Waiting():
                if not self._waiting or self._clock() >= self._next_at:
                    self._write_in_turn(f"waiting: {event.reason}, {self._left()}")
                self._waiting = True
            case Retrying():
                self._write(
                    f"retry {event.attempt} in {event.delay_seconds:.1f} s: {event.reason}",
                )
            case Remark():
                self._write(event.text)

    def close(self) -> None:
        """Do nothing: lines leave nothing open."""

    def _done(self) -> str:
        progress = self._progress
        total = wording.count(progress.total_rows, is_estimate=progress.total_is_estimate)
        return (
            f"{progress.done_word} {progress.done_rows:,} of {total} ({progress.percent:.2f} %), "
            f"{wording.rate(progress.rows_per_second())}"
        )

    def _where(self, event: BatchDone) -> str:
        return (
            f"{self._done()}, {self._left()}, "
            f"{self._progress.skipped_rows:,} skipped, batch {event.next_batch_rows:,} rows"
            f"{wording.giving_way(event.giving_way_because, before=', ')}"
        )

    def _seen(self, event: RangesSeen | Verifying) -> str:
        if isinstance(event, Verifying):
            return str(event)
        return f"{self._done()}, {self._left()}, {wording.ranges(event.at_work, event.waiting)}"

    def _left(self) -> str:
        return f"{wording.duration(self._progress.remaining_seconds())} left"

    def _write_in_turn(self, line: str) -> None:
        self._next_at = self._clock() + self._every_seconds
        self._write(line)

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)
