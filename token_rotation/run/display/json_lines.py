"""One JSON object a line, for programs."""

from __future__ import annotations

import json
from typing import Any, TextIO

from token_rotation.events import BatchDone, Event, RangesSeen, Remark, Retrying, Verifying, Waiting
from token_rotation.run.progress import Progress


class JsonLines:
    """Display that writes a JSON line for each event.

    Names end with their unit. Unknown is null.
    """

    def __init__(self, progress: Progress, stream: TextIO) -> None:
        self._progress = progress
        self._stream = stream

    def show(self, event: Event) -> None:
        match event:
            case BatchDone():
                self._write(
                    "batch",
                    batch_rotated_rows=event.rotated_rows,
                    batch_skipped_rows=event.skipped_rows,
                    batch_seconds=round(event.seconds, 4),
                    next_batch_rows=event.next_batch_rows,
                    giving_way_because=event.giving_way_because,
                )
            case RangesSeen():
                self._write(
                    "ranges",
                    ranges_waiting=event.waiting,
                    ranges_at_work=event.at_work,
                    ranges_finished=event.finished,
                )
            case Waiting():
                self._write("waiting", reason=event.reason)
            case Retrying():
                self._write(
                    "retry",
                    reason=event.reason,
                    attempt=event.attempt,
                    delay_seconds=round(event.delay_seconds, 3),
                )
            case Verifying():
                self._write("verifying", done_pages=event.done_pages, total_pages=event.total_pages)
            case Remark():
                self._write("remark", text=event.text)

    def close(self) -> None:
        """Do nothing: lines leave nothing open."""

    def _write(self, kind: str, **fields: Any) -> None:
        progress = self._progress
        rate, remaining = progress.rows_per_second(), progress.remaining_seconds()
        line = {
            "event": kind,
            "done_rows": progress.done_rows,
            "total_rows": progress.total_rows,
            "total_is_estimate": progress.total_is_estimate,
            "percent": progress.percent,
            "rows_per_second": None if rate is None else round(rate, 1),
            "remaining_seconds": None if remaining is None else round(remaining, 1),
            "skipped_rows": progress.skipped_rows,
            **fields,
        }
        print(json.dumps(line), file=self._stream, flush=True)
