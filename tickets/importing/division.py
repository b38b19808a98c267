"""Divide lines into records, and take none that may lie inside a damaged field.

After a quote that is out of place, two readings of the following lines are possible: inside a field
and outside. So is, at any time, a reading in which an opening quote was lost some lines before. A
record is therefore held back until something rules the other reading out: a quote that does not fit
into it, the end of the file, or more characters than a record may have. If the other reading fits
where this one fails, the records that are held are dropped, and the lines are named.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tickets.importing.errors import UnreadableFileError
from tickets.importing.quotes import Reading, read_line, stands_alone
from tickets.importing.row import BadLine

LONGEST_RECORD_CHARACTERS = 1 << 20
UNCLOSED_CHARACTERS = 64 * LONGEST_RECORD_CHARACTERS
# Each piece of evidence comes from one line, which may itself be damaged.
EVIDENCE_AFTER_DAMAGE = 2


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of a record, and its lines."""

    fields: list[str]
    line: int
    last_line: int


class Division:
    """The records of lines, in their order, and the lines that are none.

    An empty line in ``lines`` says that no more are there for now; what is certain is not held back
    then. ``first_line`` is the number of the first one. ``after_body`` is the number of columns
    after the only one that may hold line breaks.
    """

    def __init__(self, lines: Iterable[str], *, first_line: int, after_body: int) -> None:
        csv.field_size_limit(2 * LONGEST_RECORD_CHARACTERS)
        self._lines, self._after_body = lines, after_body
        self._number = first_line - 1
        self._read = 0
        self._held: deque[tuple[int, Record | BadLine]] = deque()
        self._free: list[Record | BadLine] = []
        self._doubts = self._doubts_since = 0
        self._begin()

    def __iter__(self) -> Iterator[Record | BadLine]:
        """Raises UnreadableFileError if a long record does not end."""
        for line in self._lines:
            if line:
                self._take(line)
                self._free_what_is_old()
            elif not self._doubts and not self._inside:
                self._free_all()
            yield from self._freed()
        self._end()
        yield from self._freed()
        if self._characters > LONGEST_RECORD_CHARACTERS:
            raise self._endless()

    def _begin(self) -> None:
        self._inside = False
        self._parts: list[str] = []
        self._characters = 0
        self._first, self._begins_at = self._number + 1, self._read

    def _take(self, line: str) -> None:
        self._number += 1
        self._read += len(line)
        if len(line) > LONGEST_RECORD_CHARACTERS:
            self._skip(f"is longer than {LONGEST_RECORD_CHARACTERS:,} characters", unsure=False)
            self._doubt()
            self._begin()
            return
        reading = read_line(line, inside=self._inside)
        other = read_line(line, inside=not self._inside)
        if _fails_first(other, reading):
            self._settle()
        if reading.error_at is not None:
            self._break(line, reading, other)
        elif self._inside or reading.inside or line.strip("\r\n"):
            self._add(line, ends=not reading.inside)
        else:
            self._begin()

    def _add(self, line: str, *, ends: bool) -> None:
        self._inside = not ends
        self._characters += len(line)
        if self._characters <= LONGEST_RECORD_CHARACTERS:
            self._parts.append(line)
        elif self._parts:  # no field is that long, so an earlier quote may be missing
            self._first, self._begins_at = self._since()
            self._held.clear()
            self._parts = []
        elif self._characters > UNCLOSED_CHARACTERS:
            raise self._endless()
        if ends:
            self._held.append((self._begins_at, self._record()))
            self._begin()

    def _record(self) -> Record | BadLine:
        if not self._parts:
            reason = f"the record is longer than {LONGEST_RECORD_CHARACTERS:,} characters"
            return BadLine(self._first, self._number, reason)
        fields = next(csv.reader(["".join(self._parts)], strict=True))
        return Record(fields, self._first, self._number)

    def _break(self, line: str, reading: Reading, other: Reading) -> None:
        """Name the lines of a record that is not CSV, and those that are in doubt with it."""
        fits = other.error_at is None and (
            other.inside or self._inside or other.commas == self._after_body
        )
        if fits and other.inside:  # so it goes on; what follows decides
            self._reject(self._first, self._begins_at, f"is not CSV: {reading.reason}")
        else:
            self._skip(f"is not CSV: {reading.reason}", unsure=fits)
        if self._inside or not stands_alone(line, reading):
            self._doubt()
        self._begin()

    def _skip(self, reason: str, *, unsure: bool) -> None:
        """Name the record's lines, and with them those in doubt."""
        if unsure or self._doubts:
            first, begins_at = self._since()
            self._held.clear()
            self._reject(first, begins_at, reason)
        else:
            self._free_all()
            self._reject(self._first, self._begins_at, reason)

    def _reject(self, first: int, begins_at: int, reason: str) -> None:
        if first < self._number:
            reason += f" (line {self._number}); none of these lines is imported"
        self._held.append((begins_at, BadLine(first, self._number, reason)))

    def _doubt(self) -> None:
        self._doubts, self._doubts_since = EVIDENCE_AFTER_DAMAGE, self._read

    def _settle(self) -> None:
        """Count evidence for the reading so far; free what is certain now."""
        self._doubts = max(0, self._doubts - 1)
        if not self._doubts:
            self._free_all()

    def _since(self) -> tuple[int, int]:
        """Return the first line that is in doubt, and the characters before it."""
        if not self._held:
            return self._first, self._begins_at
        begins_at, record = self._held[0]
        return record.line, begins_at

    def _free_what_is_old(self) -> None:
        """Free records so far back that no field reaches from them to here."""
        here = self._begins_at if self._inside else self._read
        if here - self._doubts_since > LONGEST_RECORD_CHARACTERS:
            self._doubts = 0
        while self._held and here - self._held[0][0] > LONGEST_RECORD_CHARACTERS:
            self._free.append(self._held.popleft()[1])

    def _end(self) -> None:
        if not self._inside:
            self._free_all()
        elif self._characters <= LONGEST_RECORD_CHARACTERS:
            first, _ = self._since()
            self._held.clear()
            reason = "is not CSV: unexpected end of data"
            self._free.append(BadLine(first, self._number, reason))

    def _free_all(self) -> None:
        self._free.extend(record for _, record in self._held)
        self._held.clear()

    def _freed(self) -> list[Record | BadLine]:
        free, self._free = self._free, []
        return free

    def _endless(self) -> UnreadableFileError:
        return UnreadableFileError(
            f"the record that begins in line {self._first} is longer than"
            f" {LONGEST_RECORD_CHARACTERS:,} characters; is a quote not closed?"
        )


def _fails_first(other: Reading, reading: Reading) -> bool:
    if other.error_at is None:
        return False
    return reading.error_at is None or other.error_at < reading.error_at
