"""Find columns that a migration has not made yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from token_rotation.inspection.problem import MIGRATE, Problem
from token_rotation.postgres.connection import Connection
from token_rotation.sql.server import catalogue as catalogue_sql


def missing_columns(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    or_by_hand: Callable[[list[str]], str] = lambda _: "",
) -> Problem | None:
    """Return the problem that the table or some of its columns are missing, if they are.

    ``or_by_hand`` adds to ``migrate`` what else brings these columns back. Driver errors pass
    through.
    """
    row = connection.row(catalogue_sql.column_exists(), {"table": table, "columns": list(columns)})
    table_exists, found = row or (False, [])
    if not table_exists:
        return Problem("token_rotation.E001", f"There is no table {table} yet", MIGRATE)
    missing = [column for column in columns if column not in found]
    if missing:
        sentence = f"{table} has no column {', '.join(missing)} yet"
        return Problem("token_rotation.E002", sentence, f"{MIGRATE}{or_by_hand(missing)}")
    return None
