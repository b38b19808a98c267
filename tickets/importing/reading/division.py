"""Divide lines into records, and take none that may lie inside a damaged field.

After a quote that is out of place, two readings of the following lines are possible: inside a field
and outside. So is, at any time, a reading in which an opening quote was lost some lines before. A
record is therefore held back until something rules the other reading out: a quote that does not fit
into it, the end of the file, or more characters than a record may have. If the other reading fits
where this one fails, the records that are held are dropped, and the lines are named.

Quotes that nobody doubled may also cut a field into pieces that are CSV. A wrong number of fields
shows it: in a record of several lines, or in one that begins with a quote. What lies between two
such records is dropped, and so is what follows the first of a field's pieces up to the end of the
file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from tickets.importing.errors import UnreadableFileError
from tickets.importing.reading.doubt import Doubt
from tickets.importing.reading.held import Held, Record
from tickets.importing.reading.quotes import Reading, read_line, stands_alone
from tickets.importing.row import BadLine

LONGEST_RECORD_CHARACTERS = 1 << 20
UNCLOSED_CHARACTERS = 64 * LONGEST_RECORD_CHARACTERS


class Division:
    """The records of lines, in their order, and the lines that are none.

    An empty line in ``lines`` says that no more are there for now; what is certain is not held back
    then. The first one follows the header, line 1. ``columns`` is the number of fields of a record,
    ``body`` the place, from 0, of the only one that may hold line breaks.
    """

    def __init__(self, lines: Iterable[str], *, columns: int, body: int) -> None:
        csv.field_size_limit(2 * LONGEST_RECORD_CHARACTERS)
        self._lines, self._columns, self._body = lines, columns, body
        self._after_body = columns - 1 - body
        self._number = 1
        self._read = 0
        self._held = Held()
        self._doubt = Doubt()
        self._begin()

    def __iter__(self) -> Iterator[Record | BadLine]:
        """Raises UnreadableFileError if a long record does not end."""
        for line in self._lines:
            if line:
                self._take(line)
                self._free_what_is_old()
            elif not self._doubt and not self._inside:
                self._held.free()
            yield from self._held.freed()
        self._end()
        yield from self._held.freed()
        if self._characters > LONGEST_RECORD_CHARACTERS:
            raise self._endless()

    def _begin(self) -> None:
        self._inside = self._only_reading = self._quoted = False
        self._commas = 0
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
            self._doubt.begin(self._read)
            self._begin()
        elif '"' in line or "\r" in text:
            self._take_quoted(line)
        elif self._inside:
            self._add(line, ends=False)
        else:  # it reads without an error from either state, and keeps the state
            if text:
                record = Record(text.split(","), self._number, self._number)
                self._held.add(self._begins_at, self._counted(record), quoted=False)
            self._begin()

    def _take_quoted(self, line: str) -> None:
        reading = read_line(line, inside=self._inside)
        other = read_line(line, inside=not self._inside)
        if not self._characters:
            self._quoted = line.startswith('"')
        self._commas += reading.commas
        self._only_reading |= _fails_first(other, reading)
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
            self._free_if_sure()
            self._first, self._begins_at = self._since()
            self._held.drop()
            self._parts = []
        elif self._characters > UNCLOSED_CHARACTERS:
            raise self._endless()
        if ends:
            record = self._record()
            if isinstance(record, Record):
                self._weigh(record)
            else:
                self._held.add(self._begins_at, record)
            self._begin()

    def _record(self) -> Record | BadLine:
        if not self._parts:
            reason = f"the record is longer than {LONGEST_RECORD_CHARACTERS:,} characters"
            return BadLine(self._first, self._number, reason)
        fields = next(csv.reader(["".join(self._parts)], strict=True))
        return Record(fields, self._first, self._number)

    def _counted(self, record: Record) -> Record | BadLine:
        if len(record.fields) == self._columns:
            return record
        reason = f"has {len(record.fields)} fields, the header has {self._columns}"
        return BadLine(record.line, record.last_line, reason)

    def _weigh(self, record: Record) -> None:
        """Hold back a record with quotes, and see what it tells about those before and after it."""
        counted = self._counted(record)
        ends_field = self._quoted and len(record.fields) == self._after_body + 1
        if isinstance(counted, Record) and not (self._doubt.field_goes_on and ends_field):
            if self._only_reading:
                self._settle()
            self._held.add(self._begins_at, counted)
            return
        if isinstance(counted, Record):
            counted = BadLine(record.line, record.last_line, "may be the rest of a field")
        several_lines = record.line < record.last_line
        if several_lines and self._only_reading and not (self._quoted or self._doubt.cut):
            self._settle()  # where it begins, no field goes on
        if self._quoted or (several_lines and self._doubt):
            self._drop_between(counted)
        else:
            self._held.add(self._begins_at, counted)
        self._doubt.begin(self._read)
        if ends_field:
            self._doubt.field_ended()
        elif several_lines:
            self._doubt.cut = counted

    def _drop_between(self, bad: BadLine) -> None:
        """Name the lines of a bad record, and with them the records in doubt before it."""
        if self._only_reading and not self._doubt:
            self._held.free_unquoted()
        if self._held.has_records():
            self._skip(bad.reason, unsure=True)
        else:
            self._held.add(self._begins_at, bad)

    def _break(self, line: str, reading: Reading, other: Reading) -> None:
        """Name the lines of a record that is not CSV, and those that are in doubt with it."""
        if not self._ends_before_body(line, reading):
            self._free_if_sure()
        fits = other.error_at is None and (
            other.inside or self._inside or other.commas == self._after_body
        )
        if fits and other.inside:  # so it goes on; what follows decides
            self._reject(self._first, self._begins_at, f"is not CSV: {reading.reason}")
        else:
            in_field = not fits and (self._may_end_field() or self._ends_before_body(line, reading))
            if in_field and not self._doubt:
                self._held.free_unquoted()
            self._skip(f"is not CSV: {reading.reason}", unsure=fits or in_field)
        if self._inside or not stands_alone(line, reading):
            self._doubt.begin(self._read)
        if fits and not other.inside:
            self._doubt.cut = None
        self._begin()

    def _skip(self, reason: str, *, unsure: bool) -> None:
        """Name the record's lines, and with them those in doubt."""
        if unsure or self._doubt:
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

    def _settle(self) -> None:
        """Count a record that has no other reading, and is a likely one, as evidence."""
        if self._doubt.settle():
            self._held.free()

    def _may_end_field(self) -> bool:
        """Return True if the record may be the rest of a field, behind a quote in its text."""
        return self._quoted and not self._commas

    def _ends_before_body(self, line: str, reading: Reading) -> bool:
        """Return True if a broken record is too short for one, as the words of a field are."""
        return self._commas + line[reading.error_at :].count(",") < self._body

    def _free_if_sure(self) -> None:
        """Free what comes before a record that has no other reading."""
        if self._only_reading and not self._doubt and not self._may_end_field():
            self._held.free()

    def _since(self) -> tuple[int, int]:
        """Return the first line that is in doubt, and the characters before it."""
        return self._held.first() or (self._first, self._begins_at)

    def _free_what_is_old(self) -> None:
        """Free records so far back that no field reaches from them to here."""
        here = self._begins_at if self._inside else self._read
        if here - self._doubt.since > LONGEST_RECORD_CHARACTERS:
            self._doubt.end()
        self._held.free_before(here - LONGEST_RECORD_CHARACTERS)

    def _end(self) -> None:
        if self._inside and self._characters > LONGEST_RECORD_CHARACTERS:
            return
        self._free_if_sure()
        if self._inside:
            self._drop_all("is not CSV: unexpected end of data")
        elif (cut := self._doubt.cut) and self._held.has_records():
            self._drop_all(
                f"{cut.reason} (line {cut.last_line}), perhaps by a quote that is not doubled;"
                " none of these lines is imported"
            )
        self._held.free()

    def _drop_all(self, reason: str) -> None:
        """Name the lines in doubt up to the end."""
        first, begins_at = self._since()
        self._held.drop()
        self._held.add(begins_at, BadLine(first, self._number, reason))

    def _endless(self) -> UnreadableFileError:
        return UnreadableFileError(
            f"the record that begins in line {self._first} is longer than"
            f" {LONGEST_RECORD_CHARACTERS:,} characters; perhaps a quote is not closed"
        )


def _fails_first(other: Reading, reading: Reading) -> bool:
    if other.error_at is None:
        return False
    return reading.error_at is None or other.error_at < reading.error_at
