"""The progress of a job, for terminals and logs."""

from __future__ import annotations

import time
from typing import Any

from tqdm import tqdm

from token_rotation.jobs.state import JobState

LINE_EVERY_SECONDS = 5.0


class ProgressBar:
    """A bar on a terminal; elsewhere a line every five seconds."""

    def __init__(self, name: str, state: JobState, total: int | None, stream: Any) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._line_at = time.monotonic() + LINE_EVERY_SECONDS
        self._bar = tqdm(
            desc=name,
            total=total,
            initial=state.done + state.failed,
            unit=" items",
            file=stream,
            dynamic_ncols=True,
            disable=not self._is_terminal,
        )
        self._name, self._total = name, total

    def reach(self, state: JobState) -> None:
        gone = state.done + state.failed
        if self._is_terminal:
            self._bar.update(gone - self._bar.n)
        elif time.monotonic() >= self._line_at:
            self._line_at += LINE_EVERY_SECONDS
            of = "" if self._total is None else f" of {self._total:,}"
            self._stream.write(f"{self._name}: {gone:,}{of} items")

    def close(self) -> None:
        self._bar.close()
