"""Progress for people: a bar, or lines.

A terminal shows the bar. Elsewhere a line comes every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from tqdm import tqdm

from tickets.importing.counts import Counts
from tickets.importing.reading.source import Source
from tickets.importing.row import BadLine

LINE_EVERY_SECONDS = 5.0
SHOWN_BAD_LINES = 1_000


class ImportDisplay:
    """The progress of an import, as a bar or lines.

    The bar counts bytes: the number of records is known only at the end of the file.
    """

    def __init__(
        self,
        source: Source,
        counts: Counts,
        *,
        out: TextIO,
        err: TextIO | None,
        clock: Callable[[], float],
    ) -> None:
        self._source, self._counts = source, counts
        self._out, self._err = out, err
        self._clock = clock
        self._started_at = self._next_line_at = clock()
        self._next_wait_at: dict[type, float] = {}
        # disable=None: no bar if stderr is not a terminal. Here it may be closed.
        disable = None if err else True
        self._bar: tqdm[Any] = tqdm(
            total=source.size_bytes, unit="B", unit_scale=True, disable=disable, file=err
        )

    def progress(self, line: int) -> None:
        """Show that the lines of the file up to this one are done."""
        done = self._source.bytes_to(line)
        if not self._bar.disable:
            self._bar.set_postfix_str(self._sentence(), refresh=False)
            self._bar.update(done - self._bar.n)
        elif self._clock() >= self._next_line_at:
            self._next_line_at = self._clock() + LINE_EVERY_SECONDS
            self.say(f"{self._sentence()}{self._part(done)}")

    def waits(self, event: object) -> None:
        """Say what a statement without an answer waits for. Any thread may call it."""
        if self._clock() >= self._next_wait_at.get(type(event), 0.0):
            self._next_wait_at[type(event)] = self._clock() + LINE_EVERY_SECONDS
            self.warn(str(event))

    def bad(self, bad: BadLine) -> None:
        """Name a bad line, unless very many are named."""
        if self._counts.bad <= SHOWN_BAD_LINES:
            self.warn(str(bad))
        elif self._counts.bad == SHOWN_BAD_LINES + 1:
            self.warn("More lines are bad; they are counted, not named.")

    def warn(self, line: str) -> None:
        """Write a line to stderr."""
        with suppress(OSError):
            if not self._bar.disable:
                self._bar.write(line, file=self._err)
            elif self._err:
                print(line, file=self._err, flush=True)

    def say(self, line: str) -> None:
        """Write a line to stdout. Nobody may be there to read it."""
        with suppress(OSError):  # the import goes on; its end says so where a disk is full, say
            print(line, file=self._out, flush=True)

    def close(self) -> None:
        self._bar.close()

    def _sentence(self) -> str:
        counts = self._counts
        seconds = self._clock() - self._started_at
        rate = f", {counts.records / seconds:,.0f} lines/s" if counts.records and seconds else ""
        return (
            f"imported {counts.imported:,}, there already {counts.already_there:,},"
            f" bad {counts.bad:,}{rate}"
        )

    def _part(self, done: int) -> str:
        size = self._source.size_bytes
        return f", {100 * done // size} % of the file" if size else ""
