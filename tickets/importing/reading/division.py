"""Divide lines into records, and take none that may lie inside a damaged field.

After a quote that is out of place, two readings of the following lines are possible: inside a field
and outside. So is, at any time, a reading in which an opening quote was lost some lines before. A
record is therefore held back until something rules the other reading out: a quote that does not fit
into it, the end of the file, or more characters than a record may have. If the other reading fits
where this one fails, the records that are held are dropped, and the lines are named.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from tickets.importing.errors import UnreadableFileError
from tickets.importing.reading.held import Held, Record
from tickets.importing.reading.quotes import Reading, read_line, stands_alone
from tickets.importing.row import BadLine

LONGEST_RECORD_CHARACTERS = 1 << 20
UNCLOSED_CHARACTERS = 64 * LONGEST_RECORD_CHARACTERS
# Each piece of evidence comes from one line, which may itself be damaged.
EVIDENCE_AFTER_DAMAGE = 2


class Division:
    """The records of lines, in their order, and the lines that are none.

    An empty line in ``lines`` says that no more are there for now; what is certain is not held back
    then. The first one follows the header, line 1. ``columns`` is the number of fields of a record,
    ``body`` the place, from 0, of the only one that may hold line breaks.
    """

    def __init__(self, lines: Iterable[str], *, columns: int, body: int) -> None:
        csv.field_size_limit(2 * LONGEST_RECORD_CHARACTERS)
        self._lines, self._columns, self._after_body = lines, columns, columns - 1 - body
        self._number = 1
        self._read = 0
        self._held = Held()
        self._doubts = self._doubts_since = 0
        self._begin()

    def __iter__(self) -> Iterator[Record | BadLine]:
        """Raises UnreadableFileError if a long record does not end."""
        for line in self._lines:
            if line:
                self._take(line)
                self._free_what_is_old()
            elif not self._doubts and not self._inside:
                self._held.free()
            yield from self._held.freed()
        self._end()
        yield from self._held.freed()
        if self._characters > LONGEST_RECORD_CHARACTERS:
            raise self._endless()

    def _begin(self) -> None:
        self._inside = self._only_reading = False
        self._parts: list[str] = []
        self._characters = 0
        self._first, self._begins_at = self._number + 1, self._read

    def _take(self, line: str) -> None:
        self._number += 1
        self._read += len(line)
        text = line.removesuffix("\n").removesuffix("\r")
        if len(line) > LONGEST_RECORD_CHARACTERS:
            self._free_what_is_old()  # no record reaches across it
            self._skip(f"is longer than {LONGEST_RECORD_CHARACTERS:,} characters", unsure=False)
            self._doubt()
            self._begin()
        elif '"' in line or "\r" in text:
            self._take_quoted(line)
        elif self._inside:
            self._add(line, ends=False)
        else:  # it reads without an error from either state, and keeps the state
            if text:
                record = Record(text.split(","), self._number, self._number)
                self._held.add(self._begins_at, record)
            self._begin()

    def _take_quoted(self, line: str) -> None:
        reading = read_line(line, inside=self._inside)
        other = read_line(line, inside=not self._inside)
        self._only_reading |= _fails_first(other, reading)
        if self._only_reading and not self._doubts:
            self._held.free()
        if reading.error_at is not None:
            self._break(line, reading, other)
        else:
            self._add(line, ends=not reading.inside)

    def _add(self, line: str, *, ends: bool) -> None:
        self._inside = not ends
        self._characters += len(line)
        if self._characters <= LONGEST_RECORD_CHARACTERS:
            self._parts.append(line)
        elif self._parts:  # no field is that long, so an earlier quote may be missing
            self._first, self._begins_at = self._since()
            self._held.drop()
            self._parts = []
        elif self._characters > UNCLOSED_CHARACTERS:
            raise self._endless()
        if ends:
            record = self._record()
            if self._only_reading and isinstance(record, Record):
                self._settle(record)
            self._held.add(self._begins_at, record)
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
            self._held.drop()
            self._reject(first, begins_at, reason)
        else:
            self._held.free()
            self._reject(self._first, self._begins_at, reason)

    def _reject(self, first: int, begins_at: int, reason: str) -> None:
        if first < self._number:
            reason += f" (line {self._number}); none of these lines is imported"
        self._held.add(begins_at, BadLine(first, self._number, reason))

    def _doubt(self) -> None:
        self._doubts, self._doubts_since = EVIDENCE_AFTER_DAMAGE, self._read

    def _settle(self, record: Record) -> None:
        """Count a record that has no other reading, and is a likely one, as evidence."""
        if self._doubts and len(record.fields) == self._columns:
            self._doubts -= 1
            if not self._doubts:
                self._held.free()

    def _since(self) -> tuple[int, int]:
        """Return the first line that is in doubt, and the characters before it."""
        return self._held.first() or (self._first, self._begins_at)

    def _free_what_is_old(self) -> None:
        """Free records so far back that no field reaches from them to here."""
        here = self._begins_at if self._inside else self._read
        if here - self._doubts_since > LONGEST_RECORD_CHARACTERS:
            self._doubts = 0
        self._held.free_before(here - LONGEST_RECORD_CHARACTERS)

    def _end(self) -> None:
        if not self._inside:
            self._held.free()
        elif self._characters <= LONGEST_RECORD_CHARACTERS:
            first, _ = self._since()
            self._held.drop()
            reason = "is not CSV: unexpected end of data"
            self._held.add(self._begins_at, BadLine(first, self._number, reason))
            self._held.free()

    def _endless(self) -> UnreadableFileError:
        return UnreadableFileError(
            f"the record that begins in line {self._first} is longer than"
            f" {LONGEST_RECORD_CHARACTERS:,} characters; perhaps a quote is not closed"
        )


def _fails_first(other: Reading, reading: Reading) -> bool:
    if other.error_at is None:
        return False
    return reading.error_at is None or other.error_at < reading.error_at
