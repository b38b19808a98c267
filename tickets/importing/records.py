"""Records of a CSV file with a header.

The format is RFC 4180, UTF-8.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator

from tickets.importing.check import OPTIONAL, REQUIRED, check
from tickets.importing.errors import UnreadableFileError
from tickets.importing.row import BadLine, Row

LONGEST_RECORD_CHARACTERS = 1 << 20
OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Records:
    """The records of a file, in its order.

    Holds one record in memory.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        # A record is refused after the line that made it too long, so the reader must bear more.
        csv.field_size_limit(3 * LONGEST_RECORD_CHARACTERS)
        self._begin_record(1)
        self._reader = csv.reader(self._texts(lines), strict=True)
        self._columns = self._header()

    @property
    def line(self) -> int:
        """The number of the last line that was read."""
        return self._reader.line_num

    def __iter__(self) -> Iterator[Row | BadLine]:
        """Yield good and bad records; skip blank lines.

        Raises UnreadableFileError if the rest of the file cannot be divided into records.
        """
        while True:
            first_line = self.line + 1
            self._begin_record(first_line)
            try:
                values = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadLine(first_line, self.line, f"is not CSV: {error}")
                continue
            if values:
                yield self._record(values, first_line)

    def _begin_record(self, line: int) -> None:
        self._record_line = line
        self._record_characters = 0

    def _record(self, values: list[str], first_line: int) -> Row | BadLine:
        if len(values) != len(self._columns):
            reason = f"has {len(values)} fields, the header has {len(self._columns)}"
            return BadLine(first_line, self.line, reason)
        return check(dict(zip(self._columns, values, strict=True)), first_line, self.line)

    def _texts(self, lines: Iterable[bytes]) -> Iterator[str]:
        for number, line in enumerate(lines, 1):
            if number == 1 and line.startswith(OTHER_ENCODINGS):
                raise UnreadableFileError("the file is UTF-16; make it UTF-8, e.g. with iconv")
            # Bytes that are not UTF-8 pass, so that they spoil their own record only.
            text = line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").decode(
                errors="surrogateescape"
            )
            self._record_characters += len(text)
            if self._record_characters > LONGEST_RECORD_CHARACTERS:
                raise UnreadableFileError(
                    f"the record that begins in line {self._record_line} is longer than"
                    f" {LONGEST_RECORD_CHARACTERS:,} characters; is a quote not closed?"
                )
            yield text

    def _header(self) -> list[str]:
        expected = f"expected {','.join(REQUIRED)} and perhaps {','.join(OPTIONAL)}, in any order"
        try:
            names = [name.strip().lower() for name in next(self._reader)]
        except StopIteration:
            raise UnreadableFileError(f"the file is empty; its first line: {expected}") from None
        except csv.Error as error:
            raise UnreadableFileError(f"line 1 is not CSV: {error}; {expected}") from None
        known = {*REQUIRED, *OPTIONAL}
        if not set(REQUIRED) <= set(names) <= known or len(set(names)) < len(names):
            missing = ", ".join(name for name in REQUIRED if name not in names)
            wrong = f"{missing} missing" if missing else "a column is unknown or there twice"
            raise UnreadableFileError(f"the header is wrong ({wrong}): {expected}")
        return names
