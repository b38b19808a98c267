"""The rows that PostgreSQL refused in one rotation, by all of its workers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from threading import Lock

from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.refused import MOST_NAMED, MOST_SAID, Refused, RefusedRow, shown
from token_rotation.events import Observer, Remark
from token_rotation.selection.key_range import Key
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.targets.discovery import model_of, targets_of

MOST_ROWS = 10_000
BARREN_BATCHES = 100
BARREN_ROWS = 100_000  # beside traffic, batches are small


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A row: its key, also as the server writes it, and its place."""

    key: Key
    key_text: str
    table: str
    ctid: str


class Refusals:
    """Rows that were tried alone and refused.

    Each is tried once a rotation: from the next pass on, ``excluded`` leaves them out. Any number
    of threads may tell of rows. ``is_over``: so many were refused that the rotation should end.
    ``others_untried``: it ended with rows that were not tried one by one.
    """

    def __init__(self, target: MarkedTable, observe: Observer) -> None:
        self._target = target
        self._observe = observe
        self._lock = Lock()
        self._rows: dict[str, RefusedRow | None] = {}
        self._barren_batches = self._barren_rows = 0
        self._is_ended = False
        self.others_untried = False
        self.excluded: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        are_barren = self._barren_batches >= BARREN_BATCHES and self._barren_rows >= BARREN_ROWS
        return self._is_ended or are_barren or len(self._rows) >= MOST_ROWS

    @property
    def so_far(self) -> Refused:
        """Return what was refused by now."""
        with self._lock:
            named = tuple(row for row in self._rows.values() if row is not None)
            return Refused(len(self._rows), named, self.others_untried)

    def end(self) -> None:
        """End the rotation: to try one row after another takes too long."""
        self._is_ended = True

    def add(self, row: PendingRow, reason: str) -> bool:
        """Note that a row was refused; tell of the first ones. No value is in ``reason``.

        Return False where it was known: a range that is retried meets it again.
        """
        refused = RefusedRow(self._name_of(row), reason)
        with self._lock:
            if row.key_text in self._rows:
                return False
            place = len(self._rows)
            self._rows[row.key_text] = refused if place < MOST_NAMED else None
        if place < MOST_SAID:
            self._observe(Remark(f"Refused, stays pending: {refused.name}: {refused.reason}"))
        elif place == MOST_SAID:
            self._observe(Remark("More rows are refused; the end tells how many."))
        return True

    def note(self, outcome: BatchOutcome) -> None:
        """Count batches in a row of which no row could be changed, however it was tried."""
        with self._lock:
            if outcome.rotated_rows:
                self._barren_batches = self._barren_rows = 0
            elif outcome.untried_rows:
                self._barren_batches += 1
                self._barren_rows += outcome.untried_rows + outcome.refused_rows

    def end_pass(self) -> None:
        """Leave out from now on what was refused so far."""
        with self._lock:
            self.excluded = tuple(self._rows)

    def _name_of(self, row: PendingRow) -> str:
        """Return the row's key, or its place where the key may be or tell a token."""
        if self._key_is_secret:
            return shown(f"{row.table} ctid {row.ctid}")
        return shown(f"{self._target.key_column} {row.key_text}")

    @cached_property
    def _key_is_secret(self) -> bool:
        target = self._target
        others = {each.token_column for each in targets_of(model_of(target), target.database)}
        return target.key_column in {*target.secrets, *others}
