"""Records that are held back until it is certain that they are none of a damaged field's text."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from tickets.importing.row import BadLine


class Record(NamedTuple):
    """The fields of a record, and its lines."""

    fields: list[str]
    line: int
    last_line: int


class Held:
    """A queue of what is in doubt, and a list of what is free to go.

    Places are numbers of characters since the beginning of the file.
    """

    def __init__(self) -> None:
        self._queue: deque[tuple[int, Record | BadLine, bool]] = deque()
        self._records = 0
        self._free: list[Record | BadLine] = []

    def add(self, place: int, record: Record | BadLine, *, quoted: bool = True) -> None:
        """Hold back a record that begins at ``place``; ``quoted`` if it has quotes."""
        self._queue.append((place, record, quoted))
        self._records += isinstance(record, Record)

    def first(self) -> tuple[int, int] | None:
        """Return the line and the place where the doubt begins."""
        if not self._queue:
            return None
        place, record, _ = self._queue[0]
        return record.line, place

    def has_records(self) -> bool:
        """Return True if more than bad lines is held back."""
        return self._records > 0

    def drop(self) -> None:
        """Forget what is held back."""
        self._queue.clear()
        self._records = 0

    def free(self) -> None:
        self._free.extend(record for _, record, _ in self._queue)
        self.drop()

    def free_unquoted(self) -> None:
        """Free what comes before the first record with quotes."""
        while self._queue and not self._queue[0][2]:
            self._free_first()

    def free_before(self, place: int) -> None:
        """Free what begins before ``place``."""
        while self._queue and self._queue[0][0] < place:
            self._free_first()

    def _free_first(self) -> None:
        _, record, _ = self._queue.popleft()
        self._records -= isinstance(record, Record)
        self._free.append(record)

    def freed(self) -> list[Record | BadLine]:
        """Return what has become free since the last call."""
        free, self._free = self._free, []
        return free
