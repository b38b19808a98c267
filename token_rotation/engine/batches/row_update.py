"""Run an UPDATE and report the rows it changed.

The rows are known only where somebody wants to know.
"""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.engine.batches.written_rows import WrittenRows
from token_rotation.notify.announcements import has_listeners
from token_rotation.postgres.connection import Connection, Values
from token_rotation.postgres.statements import Statement
from token_rotation.selection.key_range import Key
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql import rows as rows_sql


@dataclass(frozen=True, slots=True)
class ChangedRows:
    """The number of changed rows, and perhaps their keys.

    The keys are known only where somebody listens, and no key is a token.
    """

    rows: int = 0
    keys: tuple[Key, ...] = ()


class RowUpdate:
    """UPDATEs of the target's table on one connection.

    The UPDATEs call the table by its name.
    """

    def __init__(self, connection: Connection, target: MarkedTable) -> None:
        self._connection = connection
        self._target = target
        self._written_rows: WrittenRows | None = None

    def check(self, written_rows: WrittenRows) -> None:
        """Check the rows of each UPDATE from now on.

        The transaction must keep the tokens that it writes.
        """
        self._written_rows = written_rows

    def run(self, update: Statement, values: Values) -> ChangedRows:
        """Run one UPDATE.

        It need not have committed yet. Driver errors pass through. Raises OverwrittenTokensError
        after ``check``.
        """
        is_asked = self._written_rows is not None or has_listeners(self._target)
        if self._target.hides_keys or not is_asked:
            return ChangedRows(self._connection.change(update, values))
        answer = self._connection.rows(rows_sql.returning_keys(self._target, update), values)
        changed = ChangedRows(len(answer), tuple(key for (key,) in answer))
        if self._written_rows is not None:
            self._written_rows.check(changed.keys)
        return changed
