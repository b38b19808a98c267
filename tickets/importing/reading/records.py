"""Records of a CSV file with a header.

The format is RFC 4180, UTF-8.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator

from tickets.importing.check import OPTIONAL, REQUIRED, check
from tickets.importing.errors import UnreadableFileError
from tickets.importing.reading.division import LONGEST_RECORD_CHARACTERS, Division
from tickets.importing.reading.held import Record
from tickets.importing.reading.quotes import read_line
from tickets.importing.row import BadLine, Row

__all__ = ["LONGEST_RECORD_CHARACTERS", "Records"]

OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
BYTE_ORDER_MARK = codecs.BOM_UTF8.decode()


class Records:
    """The records of a file, in its order.

    Holds back at most 1,048,576 characters. An empty line says that no more are there for now.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._columns = self._header()
        self._records = Division(
            map(_text, self._lines),
            columns=len(self._columns),
            body=self._columns.index("body"),
        )

    def __iter__(self) -> Iterator[Row | BadLine]:
        """Yield good and bad records; skip blank lines.

        Raises UnreadableFileError if the rest of the file cannot be divided into records.
        """
        for record in self._records:
            yield self._checked(record) if isinstance(record, Record) else record

    def _checked(self, record: Record) -> Row | BadLine:
        reason = self._wrong(record.fields)
        if reason:
            return BadLine(record.line, record.last_line, reason)
        values = dict(zip(self._columns, record.fields, strict=True))
        return check(values, record.line, record.last_line)

    def _wrong(self, fields: list[str]) -> str:
        if _names(fields) == self._columns:
            return "is the header once more"
        if fields[0].startswith(BYTE_ORDER_MARK):
            return "begins with a byte order mark, as a file does"
        return ""

    def _header(self) -> list[str]:
        expected = f"expected {','.join(REQUIRED)} and perhaps {','.join(OPTIONAL)}, in any order"
        first = next((line for line in self._lines if line), b"")
        if not first:
            raise UnreadableFileError(f"the file is empty; its first line: {expected}")
        if first.startswith(OTHER_ENCODINGS):
            raise UnreadableFileError("the file is UTF-16; make it UTF-8, e.g. with iconv")
        if len(first) > LONGEST_RECORD_CHARACTERS:
            raise UnreadableFileError(
                f"line 1 is longer than {LONGEST_RECORD_CHARACTERS:,} bytes; is this a CSV file"
                f" with line feeds? {expected}"
            )
        line = first.removeprefix(codecs.BOM_UTF8).decode(errors="surrogateescape")
        reading = read_line(line, inside=False)
        if reading.inside or reading.error_at is not None:
            reason = reading.reason or "unexpected end of data"
            raise UnreadableFileError(f"line 1 is not CSV: {reason}; {expected}")
        names = _names(next(csv.reader([line], strict=True)))
        known = {*REQUIRED, *OPTIONAL}
        if not set(REQUIRED) <= set(names) <= known or len(set(names)) < len(names):
            missing = ", ".join(name for name in REQUIRED if name not in names)
            wrong = f"{missing} missing" if missing else "a column is unknown or there twice"
            raise UnreadableFileError(f"the header is wrong ({wrong}): {expected}")
        return names


def _names(fields: list[str]) -> list[str]:
    return [field.strip().strip(BYTE_ORDER_MARK).strip().lower() for field in fields]


def _text(line: bytes) -> str:
    """Decode a line; bytes that are not UTF-8 pass, so that they spoil their own record only.

    A line that is too long in bytes is too long in characters, too.
    """
    too_long = len(line) > LONGEST_RECORD_CHARACTERS
    return line.decode("latin-1") if too_long else line.decode(errors="surrogateescape")
