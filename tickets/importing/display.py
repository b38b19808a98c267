"""Progress for people: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TextIO

from tqdm import tqdm

from tickets.importing.counts import Tally
from tickets.importing.row import BadLine
from tickets.importing.source import Source

LINE_EVERY_SECONDS = 5.0


class Display:
    """Counts the file's bytes, since nobody knows its records before the end."""

    def __init__(
        self,
        source: Source,
        tally: Tally,
        *,
        out: TextIO,
        err: TextIO,
        clock: Callable[[], float],
    ) -> None:
        self._source, self._tally = source, tally
        self._out, self._err = out, err
        self._clock = clock
        self._started_at = self._next_line_at = clock()
        # disable=None: no bar where stderr is no terminal.
        self._bar: tqdm[Any] = tqdm(
            total=source.size_bytes, unit="B", unit_scale=True, disable=None, file=err
        )

    def progress(self) -> None:
        if not self._bar.disable:
            self._bar.set_postfix_str(self._counts(), refresh=False)
            self._bar.update(self._source.read_bytes - self._bar.n)
        elif self._clock() >= self._next_line_at:
            self._next_line_at = self._clock() + LINE_EVERY_SECONDS
            print(f"{self._counts()}{self._part()}", file=self._out, flush=True)

    def bad(self, bad: BadLine) -> None:
        if self._bar.disable:
            print(bad, file=self._err, flush=True)
        else:
            self._bar.write(str(bad), file=self._err)

    def close(self) -> None:
        self._bar.close()

    def _counts(self) -> str:
        tally = self._tally
        seconds = self._clock() - self._started_at
        rate = f", {tally.records / seconds:,.0f} lines/s" if tally.records and seconds else ""
        return (
            f"imported {tally.imported:,}, there already {tally.already_there:,},"
            f" bad {tally.bad:,}{rate}"
        )

    def _part(self) -> str:
        size = self._source.size_bytes
        return f", {100 * self._source.read_bytes // size} % of the file" if size else ""
