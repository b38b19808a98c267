"""The progress of a run, for terminals and logs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Lock
from typing import Any

from tqdm import tqdm

from token_rotation import wording
from token_rotation.jobs.beginning.begin import Begun
from token_rotation.jobs.run import Watcher
from token_rotation.jobs.state import JobState, together

LINE_EVERY_SECONDS = 5.0


class ProgressBar(Watcher):
    """A bar on a terminal; elsewhere a line every five seconds. ``stream`` is a command's."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._bar: tqdm[Any] | None = None
        self._lock = Lock()
        self._states: list[JobState] = []
        self._total: int | None = None
        self._began_at = self._line_at = 0.0
        self._gone_before = 0

    def begin(self, begun: Sequence[Begun], *, exactly_once: bool) -> None:
        again = "" if exactly_once else "; after a kill, one batch may be processed again"
        for each in begun:
            self._stream.write(f"{each.operation} begins{each.state.behind}{again}")
        self._states = [each.state for each in begun]
        self._gone_before = self._gone
        self._began_at = time.monotonic()
        self._line_at = self._began_at + LINE_EVERY_SECONDS
        totals = [each.total for each in begun if each.total is not None]
        self._total = sum(totals) if len(totals) == len(begun) else None
        self._bar = tqdm(
            desc=begun[0].operation.operation_type,
            total=self._total,
            initial=self._gone,
            unit=" items",
            file=self._stream,
            dynamic_ncols=True,
            disable=not self._stream.isatty(),
        )

    def reach(self, rank: int, state: JobState) -> None:
        with self._lock:
            self._states[rank] = state
            if self._bar is None:
                return
            if not self._bar.disable:
                self._bar.update(self._gone - self._bar.n)
            elif time.monotonic() >= self._line_at:
                self._line_at += LINE_EVERY_SECONDS
                self._stream.write(self._line())

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    @property
    def _gone(self) -> int:
        return together(self._states).gone

    def _line(self) -> str:
        """Return the items gone, and the time that is left at the mean rate of this run."""
        gone, total = self._gone, self._total
        if total is None:
            return f"{gone:,} items"
        rate = (gone - self._gone_before) / (time.monotonic() - self._began_at)
        left = wording.duration(max(0, total - gone) / rate) if rate else "unknown time"
        return f"{gone:,} of {total:,} items, {left} left"
