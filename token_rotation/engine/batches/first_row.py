"""The first pending row of a range, rotated alone.

Its transaction may wait for the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum, auto

from token_rotation.engine.batches.row_update import ChangedRows, RowUpdate
from token_rotation.engine.writers.assignment import Assignment
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql import batch as batch_sql
from token_rotation.sql import counting as counting_sql
from token_rotation.sql.pending import values_of


class Fate(Enum):
    """Fate of the row."""

    ROTATED = auto()
    LOCKED_BY_OTHERS = auto()
    DID_NOT_STICK = auto()
    """We had the lock, and the row is pending after an UPDATE without an error."""
    LEFT = auto()
    """No row was pending any more, or it cannot be changed as it is: the next pass tells."""


_FATE_AFTER = {
    Fault.LOCKED: Fate.LOCKED_BY_OTHERS,
    Fault.DUPLICATE_TOKEN: Fate.LEFT,
    Fault.REFUSED_ROW: Fate.LEFT,
}


class FirstRow:
    """A transaction for a single row, begun without a lock.

    ``pid`` is the backend that will wait. ``fate`` and ``changed`` hold once the transaction has
    ended.
    """

    def __init__(
        self,
        connection: Connection,
        target: MarkedTable,
        keys: KeyRange,
        assignment: Assignment,
        *,
        row_update: RowUpdate,
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._target = target
        self._keys = keys
        self._assignment = assignment
        self._row_update = row_update
        self._clock = clock
        self.pid = int(connection.value(statements.BACKEND_PID))
        self.locked_at = clock()
        self.fate = Fate.LOCKED_BY_OTHERS
        self.changed = ChangedRows()

    def rotate(self) -> None:
        """Lock the row, update it, and check the result.

        The result says if the change stuck. Driver errors pass through.
        """
        lock = batch_sql.lock_first_pending(self._target, self._keys)
        locked = self._connection.row(lock, values_of(self._target, self._keys))
        self.locked_at = self._clock()
        if locked is None:  # rotated by others; or row security lets it be read and not locked
            self.fate = Fate.DID_NOT_STICK if self._is_pending(self._keys) else Fate.LEFT
            return
        (key,) = locked
        row = replace(self._keys, exactly=key)
        self.changed = self._row_update.run(
            self._assignment.update_free_rows(row),
            {**self._assignment.values, **values_of(self._target, row), "batch_rows": 1},
        )
        self._connection.change(statements.FIRE_DEFERRED_TRIGGERS)
        self.fate = Fate.DID_NOT_STICK if self._is_pending(row) else Fate.ROTATED

    def _is_pending(self, keys: KeyRange) -> bool:
        query = counting_sql.count_pending(self._target, keys)
        return bool(self._connection.value(query, values_of(self._target, keys)))


@contextmanager
def first_row_of(
    connection: Connection,
    target: MarkedTable,
    keys: KeyRange,
    assignment: Assignment,
    *,
    wait_seconds: float,
    row_update: RowUpdate,
    clock: Callable[[], float],
) -> Iterator[FirstRow]:
    """Begin, let the caller ``rotate``, and commit.

    Rolls back on an error. Locks a single row, so nobody that it waits for can wait for it. A row
    that stays locked for ``wait_seconds``, or that PostgreSQL refuses, is no error but a fate.
    Other driver errors pass through; nothing was written then.
    """
    values = {**assignment.values, "lock_timeout_ms": max(1, int(wait_seconds * 1000))}
    settings = (
        statements.LIMIT_LOCK_WAIT,
        statements.WITHOUT_A_LIMIT,
        statements.READ_IN_KEY_ORDER,
        *assignment.settings,
    )
    row: FirstRow | None = None
    try:
        with connection.transaction(*settings, values=values):
            row = FirstRow(connection, target, keys, assignment, row_update=row_update, clock=clock)
            yield row
    except driver.Error as error:
        fate = _FATE_AFTER.get(fault_of(error))
        if row is None or fate is None:
            raise
        row.fate, row.changed = fate, ChangedRows()
