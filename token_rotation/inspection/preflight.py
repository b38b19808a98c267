"""Inspect whether a table is ready to rotate.

Changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from token_rotation.inspection.columns.absent_tokens import absent_problems
from token_rotation.inspection.columns.derived_columns import derived_problems, without_derived
from token_rotation.inspection.columns.key_references import key_reference_warnings
from token_rotation.inspection.columns.missing_columns import missing_columns
from token_rotation.inspection.columns.related_columns import related_problems
from token_rotation.inspection.columns.sent_tokens import sent_problems
from token_rotation.inspection.columns.token_probe import token_problems
from token_rotation.inspection.columns.unkept_tokens import unkept_problems
from token_rotation.inspection.indexes import index_problems, read_indexes
from token_rotation.inspection.problem import Problem
from token_rotation.inspection.time_zone import time_zone_problem
from token_rotation.inspection.triggers.definitions import Comparison
from token_rotation.inspection.triggers.guard_triggers import (
    guard_on,
    outdated_triggers,
    trigger_problems,
    trigger_states,
)
from token_rotation.inspection.triggers.key_tokens import (
    doubted_trigger_problems,
    key_token_problems,
)
from token_rotation.inspection.triggers.later_release import LATER_RELEASE, later_migrations
from token_rotation.inspection.triggers.other_triggers import (
    find_suspects,
    suspect_problems,
    suspect_warnings,
)
from token_rotation.inspection.triggers.partitions import partition_problems
from token_rotation.inspection.triggers.rules import foreign_tables, rule_problems
from token_rotation.inspection.triggers.sessions import role_problems
from token_rotation.inspection.triggers.tree import read_tree
from token_rotation.inspection.verdict.known_damage import damage_warnings
from token_rotation.inspection.whole_view import (
    BLIND,
    MAY_NOT_KEEP,
    keeping_problems,
    kind_problem,
    retired_problem,
    tenant_problem,
    view_problems,
)
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target


@dataclass(frozen=True, slots=True)
class GuardState:
    """State of the guard of a table now.

    ``triggers`` gives each guard trigger "enabled", "disabled", "missing" or "changed", the worst
    of the table, its children and partitions. ``indexes`` gives "valid", "invalid" or "missing" for
    the pending index and, where tokens are unique, for theirs. ``problems`` stop a rotation;
    ``warnings`` do not. Nor do ``gaps``, which no rotation makes larger: a leaked token could come
    back through them. ``overruled``: writes go past the triggers, or are changed after
    them, or retired tokens may be hidden from them or written in another way.
    ``to_try`` names the triggers that a rotation tries on one row before it begins.
    """

    triggers: dict[str, str]
    indexes: dict[str, str]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    gaps: tuple[Problem, ...] = ()
    overruled: bool = False
    to_try: tuple[str, ...] = ()

    @property
    def wrong(self) -> tuple[Problem, ...]:
        """Everything that is not as it must be, whether a rotation may begin or not."""
        return (*self.problems, *self.gaps)

    @property
    def intact(self) -> bool:
        return not self.problems

    @property
    def serves(self) -> bool:
        """Return True if nothing is wrong but what this role may do, and what this code may know.

        A web application may well see only its own rows, and replace none; a rotation may not. In a
        deploy it goes on beside the guard of a later release.
        """
        harmless = {*BLIND, MAY_NOT_KEEP, LATER_RELEASE}
        return all(problem.code in harmless for problem in self.problems)

    @property
    def is_of_later_release(self) -> bool:
        """Return True if nothing is wrong but that this code cannot judge a later guard."""
        return self.serves and any(problem.code == LATER_RELEASE for problem in self.problems)

    @property
    def is_blind(self) -> bool:
        """Return True if this role sees only a part of the table, or perhaps another one."""
        return any(problem.code in BLIND for problem in self.problems)

    @property
    def holds(self) -> bool:
        """Return True if every guard trigger fires, has the last word and knows what was replaced.

        Then no leaked token can come back.
        """
        fires = bool(self.triggers) and set(self.triggers.values()) == {"enabled"}
        return fires and not self.overruled and not self.gaps


def inspect(connection: Connection, target: Target, *, compares_rows: bool = True) -> GuardState:
    """Inspect columns, triggers, rules, indexes and three trial tokens.

    Also compares some rows' other columns with their tokens and looks for rows without one, unless
    told not to: a look every few seconds need not. Driver errors pass through.
    """
    missing = (
        tenant_problem(connection.rows, target.table, target.database)
        or kind_problem(connection.rows, target.table)
        or _missing_columns(connection, target)
    )
    if missing is not None:
        return GuardState({}, {}, (missing,))
    tree = read_tree(connection, target, with_conditions=True)
    guards = guard_on(tree, target, Comparison(connection, target))
    suspects = find_suspects(tree, target)
    rules, also = rule_problems(connection, tree)
    foreign, unseen = tuple(foreign_tables(tree)), tuple(view_problems(connection, target))
    hidden = retired_problem(connection, target)
    unkept = () if hidden is None else (hidden,)
    returning = sent_problems(connection, target)
    overruling = (*suspect_problems(suspects, target), *rules, *foreign, *unkept, *returning)
    indexes = read_indexes(connection, target)
    unguarded, exempt = role_problems(connection, target)
    outdated = tuple(outdated_triggers(guards))
    # PostgreSQL would refuse a look at the rows, or show those of another table.
    looks = compares_rows and not (foreign or unseen)
    derived, doubtful = derived_problems(connection, target) if looks else ([], [])
    related = list(related_problems(connection, target)) if looks else []
    absent, unknown = absent_problems(connection, target) if looks else ([], [])
    time_zone = time_zone_problem()
    return GuardState(
        trigger_states(guards),
        {name: state for name, (state, _) in indexes.items()},
        problems=(
            *trigger_problems(guards, target, partial(later_migrations, connection, target)),
            *overruling,
            *key_token_problems(connection, target, tree),
            *doubted_trigger_problems(target, suspects),
            *index_problems(target, indexes),
            *unguarded,
            *absent,
            *([] if time_zone is None else [time_zone]),
            *token_problems(connection, target),
            *unseen,
            *keeping_problems(connection, target),
            *derived,
            *(each for each in related if each.stops),
            *without_derived(target, outdated),
        ),
        warnings=(
            *exempt,
            *outdated,
            *suspect_warnings(suspects, target),
            *also,
            *doubtful,
            *(each for each in related if not each.stops),
            *(key_reference_warnings(connection, target) if looks else ()),
            *damage_warnings(connection, target),
            *unknown,
            *partition_problems(connection, target),
        ),
        gaps=tuple(unkept_problems(connection, target, reads_hashes=compares_rows)),
        overruled=bool(overruling),
        to_try=tuple(each.named for each in suspects if not each.overrules),
    )


def _missing_columns(connection: Connection, target: Target) -> Problem | None:
    columns = [target.key_column, target.token_column, target.marker_column]
    return missing_columns(connection, target.table, columns, partial(_add_marker, target))


def _add_marker(target: Target, missing: list[str]) -> str:
    """Say how to restore a marker dropped by hand.

    No other column can be restored.
    """
    if missing != [target.marker_column]:
        return ""
    statement = f'ALTER TABLE "{target.table}" ADD COLUMN "{target.marker_column}" timestamptz'
    return f" (if nothing is left to migrate, in psql: {statement}; every row is pending then)"
