"""Inspect whether a shadow column is ready to fill, and whether its triggers fire.

Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from token_rotation.inspection.indexes import index_problems, read_indexes
from token_rotation.inspection.problem import MIGRATE, PGTRIGGER, Problem
from token_rotation.inspection.triggers.definitions import Comparison
from token_rotation.inspection.triggers.guard_triggers import GuardOnRelation, guard_on
from token_rotation.inspection.triggers.tree import read_tree
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
        of_table = replace(target, table=table, guard_triggers=triggers)
        tree = read_tree(connection, of_table, with_conditions=True)
        for each in guard_on(tree, of_table, Comparison(connection, of_table)):
            if each.state != "enabled" or each.is_outdated:
                yield _problem(each, target)


def _problem(found: GuardOnRelation, target: Shadow) -> Problem:
    uri, name = found.trigger.uri, found.trigger.short_name
    state = "another than the model declares" if found.state in _UNLIKE else found.state
    mend = f"{PGTRIGGER} enable {uri}"
    if found.state != "disabled":
        mend = f"{MIGRATE} (if nothing is left to migrate: {PGTRIGGER} install {uri})"
    return Problem(
        "token_rotation.E003",
        f"The trigger {name} of {found.relation.name} is {state}, so rows that were filled may "
        "have old values",
        f"{mend}. Then set {target.marker_column} to NULL where a value may be old",
    )


_UNLIKE = {"changed", "enabled"}
