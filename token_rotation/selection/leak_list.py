"""A list of leaked tokens, their SHA-256, or primary keys.

One value a line, or CSV. The list is read from its beginning as often as needed and never held
in memory. No message quotes a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from token_rotation.errors import ListError
from token_rotation.selection.list_file import cells_of, numbered_lines, open_rereadable
from token_rotation.selection.list_kinds import Kind

LINES_NAMED = 5
_NO_VALUE_ALONE = re.compile(r"[\s,;\"]|://").search


def is_more_than_a_value(line: str) -> bool:
    """Return True for several cells, a quoted cell, or a link: a token has none of these.

    Such a line would be found nowhere, which would prove nothing.
    """
    return _NO_VALUE_ALONE(line) is not None


class LeakList:
    """An open list whose lines have all been checked.

    ``lines`` counts its values; empty lines do not count. The list stays readable after its file
    is renamed or removed.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        kinds: Sequence[Kind],
        wanted: str | None,
        other_headers: frozenset[str] = frozenset(),
    ) -> None:
        """Read the list's kind and check its lines.

        ``other_headers`` are column names, in lower case, that announce none of ``kinds``. Raises
        ListError if a line is malformed, or if the list's kind is unclear.
        """
        self._file = file
        self.name = name
        self._other_headers = other_headers
        self._column: int | None = None
        self.kind = self._find_kind(kinds, wanted)
        self.lines = self._check()

    @property
    def has_header(self) -> bool:
        """Return True if a header says what the list holds."""
        return self._column is not None

    def values(self) -> Iterator[str]:
        """Yield each value as the database's text of it.

        One reader at a time.
        """
        read = self.kind.read
        for _, text in self._lines():
            yield read(text)

    def chunks(self, rows: int) -> Iterator[list[str]]:
        """Yield the values, up to ``rows`` at a time."""
        values = self.values()
        while chunk := list(islice(values, rows)):
            yield chunk

    def close(self) -> None:
        self._file.close()

    def _find_kind(self, kinds: Sequence[Kind], wanted: str | None) -> Kind:
        first = next((text for _, text in numbered_lines(self._file)), None)
        if first is None:
            raise ListError(f"{self.name} holds no line")
        cells = [cell.strip().lower() for cell in cells_of(first)]
        headed = [kind for kind in kinds if kind.headers & set(cells)]
        if not headed and wanted is None:
            self._refuse_other_header(kinds, cells)
        chosen = self._choose(kinds, headed, wanted, first)
        if headed:
            self._column = next(i for i, cell in enumerate(cells) if cell in chosen.headers)
        return chosen

    def _refuse_other_header(self, kinds: Sequence[Kind], cells: list[str]) -> None:
        """Raises ListError for a header that announces something else.

        Taken for a value it would be found nowhere, as would all lines under it.
        """
        other = next((cell for cell in cells if cell in self._other_headers), None)
        if other is None:
            return
        names = " or ".join(kind.name for kind in kinds)
        options = " or ".join(kind.option for kind in kinds)
        raise ListError(
            f"{self.name} is no list of {names}: its header names the column {other}. Nothing was "
            f"done. Give a list of {names}, or say {options} if line 1 is one of them"
        )

    def _choose(
        self, kinds: Sequence[Kind], headed: list[Kind], wanted: str | None, first: str
    ) -> Kind:
        """Choose the kind of the list.

        By the header, else by ``wanted``, else by the first line.
        """
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
        if not headed and wanted is None and is_more_than_a_value(first):
            raise ListError(
                f"it is not clear what {self.name} holds: line 1 is more than a value, or a CSV "
                f"header that names no {names}. If it is one, say {chosen[0].option}"
            )
        return chosen[0]

    def _check(self) -> int:
        """Count the values.

        Raises ListError, which names the lines without one.
        """
        lines, malformed = 0, 0
        bad_lines: list[str] = []
        for number, text in self._lines():
            lines += 1
            if not self.kind.accepts(text):
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
        """Yield number and value of each line.

        The value is empty if its cell is missing.
        """
        lines = numbered_lines(self._file)
        if self._column is None:
            yield from lines
            return
        next(lines)
        for number, text in lines:
            cells = cells_of(text)
            yield number, cells[self._column].strip() if self._column < len(cells) else ""


def open_list(
    name: str,
    kinds: Sequence[Kind],
    wanted: str | None = None,
    other_headers: frozenset[str] = frozenset(),
) -> LeakList:
    """Open the list in a file, or in standard input.

    Standard input is "-".

    ``wanted`` names one of ``kinds``; with None the list itself must make it clear, and a header
    with one of ``other_headers`` is refused. Raises ListError, one line that quotes no value.
    """
    said = "standard input" if name == "-" else name
    try:
        file = open_rereadable(name)
        try:
            return LeakList(file, said, kinds, wanted, other_headers)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        raise ListError(f"{said} cannot be read: {error.strerror}") from None
