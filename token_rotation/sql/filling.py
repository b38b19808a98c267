"""SQL that fills the columns of a shadow, and its locks."""

from __future__ import annotations

from typing import Any

from token_rotation.postgres.driver import sql
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.shadow import Shadow
from token_rotation.sql.batch import set_columns
from token_rotation.sql.pending import named, named_values, pending, still_pending

FILLING = sql.SQL("SELECT set_config('token_rotation.filling', %(filling)s, true) IS NULL")
"""Let the shadow's triggers know that this transaction is its fill."""


def assigned(target: Shadow) -> sql.Composed:
    """The assignments of the declared values. They take ``assigned_values``."""
    return sql.SQL(", ").join(
        sql.SQL("{column} = {value}").format(
            column=sql.Identifier(each.column), value=named(each.value, f"set_{place}")
        )
        for place, each in enumerate(target.assigned)
    )


def assigned_values(target: Shadow) -> dict[str, Any]:
    """Return the parameters of ``assigned`` and of FILLING."""
    values: dict[str, Any] = {"filling": target.name}
    for place, each in enumerate(target.assigned):
        values.update(named_values(each.value, f"set_{place}"))
    return values


def keep_free_keys(target: MarkedTable, keys: KeyRange) -> sql.Composed:
    """Lock at most ``batch_rows`` free pending rows of a range, and keep their keys.

    ROW SHARE on the table, FOR UPDATE on each row, never a wait.
    """
    return sql.SQL(
        "SELECT set_config('token_rotation.keys', coalesce((SELECT array_agg(key)::text FROM ("
        "SELECT {key} FROM {table} WHERE {pending} ORDER BY {key} LIMIT %(batch_rows)s "
        "FOR UPDATE SKIP LOCKED) AS free (key)), '{{}}'), true) IS NULL"
    ).format(
        key=sql.Identifier(target.key_column),
        table=sql.Identifier(target.table),
        pending=pending(target, keys),
    )


def update_kept_rows(
    target: MarkedTable, keys: KeyRange, key_type: str, values: sql.Composable
) -> sql.Composed:
    """Update the rows whose keys ``keep_free_keys`` has kept; ``values`` are their assignments.

    ROW EXCLUSIVE on the table; the rows are locked already. ``key_type`` is what ``column_type``
    answered.
    """
    return sql.SQL(
        "UPDATE {table} SET {filled} "
        "WHERE {key} = ANY(current_setting('token_rotation.keys')::{type}[]) AND {still_pending}"
    ).format(
        table=sql.Identifier(target.table),
        filled=set_columns(target, keys, values),
        key=sql.Identifier(target.key_column),
        type=sql.SQL(key_type),
        still_pending=still_pending(target, keys),
    )
