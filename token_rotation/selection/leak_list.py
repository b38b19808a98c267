"""A list of leaked tokens, of their SHA-256, or of primary keys: a value a line, or CSV.

The list is read from its beginning as often as it is needed and never held in memory. No message
quotes a line.
"""

from __future__ import annotations

import csv
import re
import shutil
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from token_rotation.errors import ListError

LONGEST_LINE_BYTES = 64 * 1024
LINES_NAMED = 5
_SHA256 = re.compile("[0-9a-fA-F]{64}").fullmatch
# What several cells, a quoted one or a link have, and no token: found nowhere, it would prove
# nothing.
_NO_VALUE_ALONE = re.compile(r"[\s,;\"]|://").search


@dataclass(frozen=True, slots=True)
class Kind:
    """What a list may hold. ``name`` says it to people: "tokens", "keys" or "hashes".

    ``headers`` are the column names, in lower case, that announce it. ``read`` gives a line's value
    as the database's text of it and raises ValueError for what cannot be one.
    """

    name: str
    headers: frozenset[str]
    read: Callable[[str], str]

    @property
    def option(self) -> str:
        """How it is said that a list holds these."""
        return f"--list-of {self.name}"

    def accepts(self, text: str) -> bool:
        try:
            self.read(text)
        except ValueError:
            return False
        return True


class LeakList:
    """An opened list whose every line has been looked at.

    ``lines`` is how many values it holds; an empty line is none. It stays readable when its file is
    renamed or removed meanwhile.
    """

    def __init__(
        self, file: BinaryIO, name: str, kinds: Sequence[Kind], wanted: str | None
    ) -> None:
        """Raises ListError when it is not clear what the list holds, or a line is malformed."""
        self._file = file
        self.name = name
        self._column: int | None = None
        self.kind = self._find_kind(kinds, wanted)
        self.lines = self._check()

    def values(self) -> Iterator[str]:
        """Each value, as the database's text of it. One reader at a time."""
        read = self.kind.read
        for _, text in self._lines():
            yield read(text)

    def chunks(self, rows: int) -> Iterator[list[str]]:
        """The values, up to ``rows`` at a time."""
        values = self.values()
        while chunk := list(islice(values, rows)):
            yield chunk

    def close(self) -> None:
        self._file.close()

    def _find_kind(self, kinds: Sequence[Kind], wanted: str | None) -> Kind:
        first = next((text for _, text in self._raw_lines()), None)
        if first is None:
            raise ListError(f"{self.name} holds no line")
        cells = [cell.strip().lower() for cell in _cells(first)]
        headed = [kind for kind in kinds if kind.headers & set(cells)]
        fitting = headed or [kind for kind in kinds if kind.accepts(first)]
        chosen = [kind for kind in headed or kinds if wanted in (None, kind.name)]
        if wanted is None:
            chosen = [kind for kind in chosen if kind in fitting]
        names = " or ".join(kind.name for kind in kinds)
        if not chosen:
            named = f"its header names no {wanted}" if headed else f"line 1 holds no {names}"
            raise ListError(f"it is not clear what {self.name} holds: {named}")
        if len(chosen) > 1:
            says = " or ".join(kind.option for kind in chosen)
            raise ListError(f"{self.name} may hold {names}: say which with {says}")
        if not headed and wanted is None and _NO_VALUE_ALONE(first):
            raise ListError(
                f"it is not clear what {self.name} holds: line 1 is more than a value, or a CSV "
                f"header that names no {names}. If it is one, say {chosen[0].option}"
            )
        if headed:
            self._column = next(i for i, cell in enumerate(cells) if cell in chosen[0].headers)
        return chosen[0]

    def _check(self) -> int:
        """Count the values, and name the lines that hold none."""
        lines, malformed = 0, 0
        bad_lines: list[str] = []
        for number, text in self._lines():
            lines += 1
            try:
                self.kind.read(text)
            except ValueError:
                malformed += 1
                if len(bad_lines) < LINES_NAMED:
                    bad_lines.append(str(number))
        if malformed:
            more = "" if malformed <= LINES_NAMED else f" and {malformed - LINES_NAMED:,} more"
            raise ListError(
                f"{malformed:,} of the {lines:,} lines of {self.name} hold{'s' * (malformed == 1)} "
                f"nothing that could be one of the {self.kind.name}: line "
                f"{', '.join(bad_lines)}{more}"
            )
        if not lines:
            raise ListError(f"{self.name} holds a header and nothing else")
        return lines

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Number and value of each line; what cannot be read as one is empty."""
        lines = self._raw_lines()
        if self._column is None:
            yield from lines
            return
        next(lines)
        for number, text in lines:
            cells = _cells(text)
            yield number, cells[self._column].strip() if self._column < len(cells) else ""

    def _raw_lines(self) -> Iterator[tuple[int, str]]:
        self._file.seek(0)
        if self._file.read(len(BOM_UTF8)) != BOM_UTF8:
            self._file.seek(0)
        read = partial(self._file.readline, LONGEST_LINE_BYTES)
        in_long_line = False
        number = 0
        for raw in iter(read, b""):
            number += not in_long_line
            is_first_part = not in_long_line
            in_long_line = not raw.endswith(b"\n") and len(raw) == LONGEST_LINE_BYTES
            if is_first_part:
                text = "\0" if in_long_line else _text(raw)
                if text:
                    yield number, text


def open_list(name: str, kinds: Sequence[Kind], wanted: str | None = None) -> LeakList:
    """The list in a file, or in standard input ("-").

    What can be read only once is kept in a temporary file without a name, which is gone with the
    process. ``wanted`` names one of ``kinds``; None: the list itself must make it clear.

    Raises ListError, one line that quotes nothing.
    """
    said = "standard input" if name == "-" else name
    try:
        file = sys.stdin.buffer if name == "-" else Path(name).open("rb")  # noqa: SIM115
        if not file.seekable():
            kept = TemporaryFile()  # noqa: SIM115  (open as long as the process needs it)
            shutil.copyfileobj(file, kept)
            file = kept
        try:
            return LeakList(file, said, kinds, wanted)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        raise ListError(f"{said} cannot be read: {error.strerror}") from None


def read_sha256(text: str) -> str:
    """64 hexadecimal digits, in lower case. Raises ValueError."""
    if _SHA256(text) is None:
        raise ValueError("not 64 hexadecimal digits")
    return text.lower()


def _text(raw: bytes) -> str:
    """A line as text; what is no text becomes what no value can be."""
    try:
        return raw.decode().strip()
    except UnicodeDecodeError:
        return "\0"


def _cells(line: str) -> list[str]:
    """The cells of one CSV line; a cell does not reach over several."""
    rows: Iterable[list[str]] = csv.reader([line], strict=True)
    try:
        return next(iter(rows), [])
    except csv.Error:
        return []
