"""Rows as the bytes of a CSV file.

They are UTF-8, RFC 4180, without a byte-order mark.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from token_rotation.streaming.cells import cells


class CsvEncoder:
    """Encode lines of one file.

    Each has a cell for every column.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def header(self) -> bytes:
        return self.lines([self._columns])

    def lines(self, rows: Iterable[Iterable[Any]]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(map(cells, rows))
        return text.getvalue().encode()

    def last_line(self, reason: str) -> bytes:
        """Return the last line of an incomplete file."""
        words = f"INCOMPLETE, do not use this file: {reason}"
        return self.lines([[words, *[None] * (len(self._columns) - 1)]])
