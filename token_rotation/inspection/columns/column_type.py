"""The type of a column, as SQL names it."""

from __future__ import annotations

from typing import Any

from token_rotation.sql.server import catalogue as catalogue_sql


def column_type(cursor: Any, table: str, column: str) -> str | None:
    """Return the column's type without its length, for a cast.

    None where there is no such column. ``cursor`` is the driver's or Django's. Takes no lock on the
    table.
    """
    cursor.execute(catalogue_sql.column_type(), {"table": table, "column": column})
    found = cursor.fetchone()
    return None if found is None else str(found[0])
