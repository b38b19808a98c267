"""A tqdm bar for terminals."""

from __future__ import annotations

from typing import TextIO

from tqdm import tqdm

from token_rotation import wording
from token_rotation.events import BatchDone, Event, RangesSeen, Remark, Retrying, Verifying, Waiting
from token_rotation.run.progress import Progress


class Bar:
    """A progress bar with the rate and the remaining time.

    While the run waits, the bar shows the reason instead of the rate. tqdm draws; the rate and the
    remaining time come from ``Progress``.
    """

    def __init__(self, progress: Progress, stream: TextIO) -> None:
        self._progress = progress
        self._stream = stream
        self._bar = tqdm(
            total=progress.total_rows,
            file=stream,
            desc=self._title(),
            dynamic_ncols=True,
            bar_format="{desc}|{bar}| {n:,}/{total:,}{postfix}",
        )

    def show(self, event: Event) -> None:
        if isinstance(event, Remark):
            self._bar.write(event.text, file=self._stream)
            return
        progress = self._progress
        remaining = wording.duration(progress.remaining_seconds())
        match event:
            case BatchDone():
                parts = [
                    wording.rate(progress.rows_per_second()),
                    f"{remaining} left",
                    f"batch {event.next_batch_rows:,}",
                ]
                if event.giving_way_because:
                    parts.append(wording.giving_way(event.giving_way_because))
                if progress.skipped_rows:
                    parts.append(f"{progress.skipped_rows:,} skipped")
            case RangesSeen():
                parts = [
                    wording.rate(progress.rows_per_second()),
                    f"{remaining} left",
                    wording.ranges(event.at_work, event.waiting),
                ]
            case Waiting():
                parts = [f"waiting: {event.reason}", f"{remaining} left"]
            case Verifying():
                parts = [str(event)]
            case Retrying():
                parts = [f"retry {event.attempt} in {event.delay_seconds:.1f} s: {event.reason}"]
        self._bar.total = progress.total_rows
        self._bar.n = progress.done_rows
        self._bar.set_description_str(self._title(), refresh=False)
        self._bar.set_postfix_str(", ".join(parts), refresh=not isinstance(event, BatchDone))
        self._bar.update(0)

    def _title(self) -> str:
        """Return the title, with the percentage rounded down.

        tqdm itself would round to the nearest.
        """
        return f"{self._progress.doing_word} {int(self._progress.percent):3}%"

    def close(self) -> None:
        self._bar.close()
