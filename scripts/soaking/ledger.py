"""What the application may expect to read, from what the database acknowledged."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from soaking.violation import Violation


@dataclass(frozen=True, slots=True)
class Content:
    """The columns of a ticket that belong to the application alone."""

    subject: str
    status: str


class Ledger:
    """Contents that each row may have, if one writer at a time writes a row.

    An acknowledged write leaves one possibility fewer than there were; a write whose answer was
    lost with the connection may or may not have happened.
    """

    def __init__(self, start: Mapping[int, Content]) -> None:
        self._possible = {row: frozenset([content]) for row, content in start.items()}
        self._unanswered_inserts: set[str] = set()
        self._lock = threading.Lock()
        self.acknowledged = 0
        self.unanswered = 0

    def note(self, row: int, written: Mapping[str, str], *, acknowledged: bool) -> None:
        """A write of some columns."""
        with self._lock:
            old = self._possible[row]
            new = frozenset(replace(content, **written) for content in old)
            self._possible[row] = new if acknowledged else old | new
            self._count(acknowledged=acknowledged)

    def note_insert(self, row: int | None, content: Content) -> None:
        """An inserted row; None when the answer, and the key with it, was lost."""
        with self._lock:
            if row is None:
                self._unanswered_inserts.add(content.subject)
            else:
                self._possible[row] = frozenset([content])
            self._count(acknowledged=row is not None)

    def check(self, found: Mapping[int, Content]) -> None:
        """Raise Violation unless every row is there and holds what it may."""
        lost = [row for row, possible in self._possible.items() if found.get(row) not in possible]
        if lost:
            raise Violation(f"acknowledged application writes lost on {_some(lost)}")
        surplus = [
            row
            for row, content in found.items()
            if row not in self._possible and content.subject not in self._unanswered_inserts
        ]
        if surplus:
            raise Violation(f"rows that nobody has inserted: {_some(surplus)}")

    def _count(self, *, acknowledged: bool) -> None:
        self.acknowledged += acknowledged
        self.unanswered += not acknowledged


def _some(rows: list[int]) -> str:
    shown = ", ".join(map(str, sorted(rows)[:5]))
    return f"{len(rows):,} rows (id {shown}{', ...' if len(rows) > 5 else ''})"
