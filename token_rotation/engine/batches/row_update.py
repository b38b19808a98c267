"""Run an UPDATE, and know which rows it changed where somebody wants to know."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.notify.announcements import has_listeners
from token_rotation.postgres.connection import Connection, Values
from token_rotation.postgres.statements import Statement
from token_rotation.selection.key_range import Key
from token_rotation.selection.target import Target
from token_rotation.sql import rows as rows_sql


@dataclass(frozen=True, slots=True)
class ChangedRows:
    """How many rows an UPDATE changed; their keys only where somebody listens."""

    rows: int = 0
    keys: tuple[Key, ...] = ()


class RowUpdate:
    """Runs UPDATEs of the target's table, which they call by its name, on one connection."""

    def __init__(self, connection: Connection, target: Target) -> None:
        self._connection = connection
        self._target = target

    def run(self, update: Statement, values: Values) -> ChangedRows:
        """Run one UPDATE. It need not have committed yet. Driver errors pass through."""
        if not has_listeners(self._target):
            return ChangedRows(self._connection.change(update, values))
        answer = self._connection.rows(rows_sql.returning_keys(self._target, update), values)
        return ChangedRows(len(answer), tuple(key for (key,) in answer))
