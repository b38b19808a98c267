"""Inspect whether a shadow column is ready to fill, and whether its triggers fire.

Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from token_rotation.inspection.columns.missing_columns import missing_columns
from token_rotation.inspection.indexes import index_problems, read_indexes
from token_rotation.inspection.marker_triggers import marker_trigger_problems
from token_rotation.inspection.problem import Problem
from token_rotation.inspection.whole_view import kind_problem, tenant_problem, view_problems
from token_rotation.postgres.connection import Connection
from token_rotation.selection.shadow import Shadow


@dataclass(frozen=True, slots=True)
class ShadowState:
    """What stops a fill, and what lets a filled row keep an old value.

    ``gaps`` do not stop one, and nothing is complete with them.
    """

    problems: tuple[Problem, ...]
    gaps: tuple[Problem, ...] = ()


def inspect_shadow(connection: Connection, target: Shadow) -> ShadowState:
    """Inspect columns, index and triggers. Driver errors pass through."""
    filled = [each.column for each in target.assigned]
    columns = [target.key_column, *filled, target.marker_column]
    missing = (
        tenant_problem(connection.rows, target.table, target.database)
        or kind_problem(connection.rows, target.table)
        or missing_columns(connection, target.table, columns)
    )
    if missing is not None:
        return ShadowState((missing,))
    indexes = read_indexes(connection, target)
    return ShadowState(
        problems=(*view_problems(connection, target), *index_problems(target, indexes)),
        gaps=tuple(_trigger_problems(connection, target)),
    )


def _trigger_problems(connection: Connection, target: Shadow) -> Iterator[Problem]:
    """Yield a problem for each declared trigger that does not do what the model says."""
    tables = [(target.table, target.guard_triggers)]
    tables += [(each.table, each.triggers) for each in target.sources]
    for table, triggers in tables:
        yield from marker_trigger_problems(
            connection,
            replace(target, table=table, guard_triggers=triggers),
            so="rows that were filled may have old values",
            then=f"set {target.marker_column} to NULL where a value may be old",
        )
