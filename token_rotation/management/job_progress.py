"""The progress of a run, for terminals and logs."""

from __future__ import annotations

import time
from typing import Any

from tqdm import tqdm

from token_rotation.jobs.run import Watcher
from token_rotation.jobs.state import JobState
from token_rotation.operations.models import BatchOperation

LINE_EVERY_SECONDS = 5.0


class ProgressBar(Watcher):
    """A bar on a terminal; elsewhere a line every five seconds. ``stream`` is a command's."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._bar: tqdm[Any] | None = None
        self._line_at = 0.0

    def begin(
        self, operation: BatchOperation, state: JobState, total: int | None, *, exactly_once: bool
    ) -> None:
        again = "" if exactly_once else "; after a kill, one batch may be processed again"
        self._stream.write(f"{operation} begins{state.behind}{again}")
        self._line_at = time.monotonic() + LINE_EVERY_SECONDS
        self._bar = tqdm(
            desc=operation.operation_type,
            total=total,
            initial=state.gone,
            unit=" items",
            file=self._stream,
            dynamic_ncols=True,
            disable=not self._stream.isatty(),
        )

    def reach(self, state: JobState) -> None:
        if self._bar is None:
            return
        if not self._bar.disable:
            self._bar.update(state.gone - self._bar.n)
        elif time.monotonic() >= self._line_at:
            self._line_at += LINE_EVERY_SECONDS
            of = "" if self._bar.total is None else f" of {self._bar.total:,}"
            self._stream.write(f"{state.gone:,}{of} items")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
