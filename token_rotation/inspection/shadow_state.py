"""Inspect whether a shadow column is ready to fill, and whether its triggers fire.

Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from token_rotation.inspection.indexes import index_problems, read_indexes
from token_rotation.inspection.problem import MIGRATE, Problem
from token_rotation.inspection.trigger_problems import trigger_problems
from token_rotation.inspection.whole_view import kind_problem, tenant_problem, view_problems
from token_rotation.postgres.connection import Connection
from token_rotation.selection.shadow import Shadow
from token_rotation.sql.server import catalogue as catalogue_sql


@dataclass(frozen=True, slots=True)
class ShadowState:
    """What stops a fill, and what lets a filled row keep an old value.

    ``gaps`` do not stop one, and nothing is complete with them.
    """

    problems: tuple[Problem, ...]
    gaps: tuple[Problem, ...] = ()


def inspect_shadow(connection: Connection, target: Shadow) -> ShadowState:
    """Inspect columns, index and triggers. Driver errors pass through."""
    missing = (
        tenant_problem(connection.rows, target.table, target.database)
        or kind_problem(connection.rows, target.table)
        or _missing_columns(connection, target)
    )
    if missing is not None:
        return ShadowState((missing,))
    indexes = read_indexes(connection, target)
    return ShadowState(
        problems=(*view_problems(connection, target), *index_problems(target, indexes)),
        gaps=tuple(_trigger_problems(connection, target)),
    )


def _missing_columns(connection: Connection, target: Shadow) -> Problem | None:
    filled = [each.column for each in target.assigned]
    columns = [target.key_column, *filled, target.marker_column]
    row = connection.row(catalogue_sql.column_exists(), {"table": target.table, "columns": columns})
    table_exists, found = row or (False, [])
    if not table_exists:
        return Problem("token_rotation.E001", f"There is no table {target.table} yet", MIGRATE)
    missing = ", ".join(column for column in columns if column not in found)
    if missing:
        sentence = f"{target.table} has no column {missing} yet"
        return Problem("token_rotation.E002", sentence, MIGRATE)
    return None


def _trigger_problems(connection: Connection, target: Shadow) -> Iterator[Problem]:
    """Yield a problem for each declared trigger that does not do what the model says."""
    tables = [(target.table, target.guard_triggers)]
    tables += [(each.table, each.triggers) for each in target.sources]
    for table, triggers in tables:
        yield from trigger_problems(
            connection,
            replace(target, table=table, guard_triggers=triggers),
            so="rows that were filled may have old values",
            then=f"set {target.marker_column} to NULL where a value may be old",
        )
