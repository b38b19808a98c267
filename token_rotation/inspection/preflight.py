"""Inspect whether a table is ready to rotate.

Changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.inspection.indexes import index_problems, read_indexes
from token_rotation.inspection.known_damage import damage_warnings
from token_rotation.inspection.problem import MIGRATE, Problem
from token_rotation.inspection.token_probe import token_problems
from token_rotation.inspection.triggers import (
    outdated_triggers,
    read_triggers,
    role_problems,
    trigger_problems,
    trigger_states,
)
from token_rotation.inspection.whole_view import BLIND, view_problems
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.sql import catalogue as catalogue_sql


@dataclass(frozen=True, slots=True)
class GuardState:
    """State of the guard of a table now.

    ``triggers`` gives each guard trigger "enabled", "disabled" or "missing". ``indexes`` gives
    "valid", "invalid" or "missing" for the pending index and, where tokens are unique, for theirs.
    ``problems`` stop a rotation; ``warnings`` do not.
    """

    triggers: dict[str, str]
    indexes: dict[str, str]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()

    @property
    def intact(self) -> bool:
        return not self.problems

    @property
    def serves(self) -> bool:
        """Return True if nothing is wrong but what this role may see.

        A web application may well see only its own rows; a rotation may not.
        """
        return all(problem.code in BLIND for problem in self.problems)

    @property
    def is_blind(self) -> bool:
        """Return True if this role sees only a part of the table, or perhaps another one."""
        return any(problem.code in BLIND for problem in self.problems)

    @property
    def holds(self) -> bool:
        """Return True if every guard trigger fires.

        Then no leaked token can come back.
        """
        return bool(self.triggers) and set(self.triggers.values()) == {"enabled"}


def inspect(connection: Connection, target: Target) -> GuardState:
    """Inspect columns, triggers, indexes and three trial tokens.

    Driver errors pass through.
    """
    missing = _missing_columns(connection, target)
    if missing is not None:
        return GuardState({}, {}, (missing,))
    found = read_triggers(connection, target)
    triggers = trigger_states(target, found)
    indexes = read_indexes(connection, target)
    unguarded, exempt = role_problems(connection, target)
    return GuardState(
        triggers,
        {name: state for name, (state, _) in indexes.items()},
        problems=(
            *trigger_problems(target, triggers),
            *index_problems(target, indexes),
            *unguarded,
            *token_problems(connection, target),
            *view_problems(connection, target),
        ),
        warnings=(
            *exempt,
            *outdated_triggers(target, found),
            *damage_warnings(connection, target),
        ),
    )


def _missing_columns(connection: Connection, target: Target) -> Problem | None:
    columns = [target.key_column, target.token_column, target.marker_column]
    row = connection.row(catalogue_sql.column_exists(), {"table": target.table, "columns": columns})
    table_exists, found = row or (False, [])
    if not table_exists:
        return Problem("token_rotation.E001", f"There is no table {target.table} yet", MIGRATE)
    missing = [column for column in columns if column not in found]
    if missing:
        sentence = f"{target.table} has no column {', '.join(missing)} yet"
        return Problem("token_rotation.E002", sentence, f"{MIGRATE}{_add_marker(target, missing)}")
    return None


def _add_marker(target: Target, missing: list[str]) -> str:
    """Say how to restore a marker dropped by hand.

    No other column can be restored.
    """
    if missing != [target.marker_column]:
        return ""
    statement = f'ALTER TABLE "{target.table}" ADD COLUMN "{target.marker_column}" timestamptz'
    return f" (if nothing is left to migrate, in psql: {statement}; every row is pending then)"
