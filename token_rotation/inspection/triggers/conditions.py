"""Compare trigger conditions by their meaning."""

from __future__ import annotations

from token_rotation.postgres import driver
from token_rotation.postgres.connection import Connection
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql.server import tree as tree_sql


class Conditions:
    """Comparisons of WHEN clauses on one table.

    The server compares them: it writes them its own way, so their texts differ. Each pair is
    compared once.
    """

    def __init__(self, connection: Connection, target: MarkedTable) -> None:
        self._connection = connection
        self._target = target
        self._seen: dict[tuple[str, str], bool] = {}

    def agree(self, found: str | None, declared: str) -> bool:
        """Return True where a trigger's condition is the declared one."""
        if not found or not declared:
            return (found or "") == declared
        pair = (found, declared)
        if pair not in self._seen:
            self._seen[pair] = self._compare(*pair)
        return self._seen[pair]

    def _compare(self, found: str, declared: str) -> bool:
        query = tree_sql.planned_conditions(self._target, found, declared)
        try:
            plan = self._connection.value(query, {"table": self._target.table})
        except (driver.ProgrammingError, driver.DataError):
            return False  # the server cannot read one of them
        one, other = plan[0]["Plan"]["Output"]
        return bool(one == other)
