"""Find columns of parents' and children's tables that derive from the token, by the rows.

A rotation writes the token's table alone, so they would still belong to the leaked token.
"""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.inspection.columns.derived_columns import LIMITS, readable_columns, value_of
from token_rotation.inspection.columns.derived_findings import (
    not_compared,
    related_column_derives,
)
from token_rotation.inspection.columns.likeness import Token, likeness_of
from token_rotation.inspection.problem import Problem
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of, reason_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.related_table import RelatedTable
from token_rotation.selection.target import Target
from token_rotation.sql import derived_columns as derived_sql


def related_problems(connection: Connection, target: Target) -> Iterator[Problem]:
    """Yield problems and warnings about the related tables.

    Each is compared as the token's table is. One that cannot be compared is a warning, and one that
    does not exist yet is none. Driver errors pass through.
    """
    own = readable_columns(connection, target.table)[0] if target.related else {}
    token_kind = own.get(target.token_column, "text")
    for related in target.related:
        kinds, warnings = readable_columns(connection, related.table)
        yield from warnings
        if not kinds:
            continue
        try:
            yield from _likenesses(connection, target, token_kind, related, kinds)
        except driver.Error as error:
            is_refused = isinstance(error, driver.ProgrammingError)
            if not is_refused and fault_of(error) not in (Fault.TIMED_OUT, Fault.LOCKED):
                raise
            yield not_compared(related.table, list(kinds), reason_of(error))


def _likenesses(
    connection: Connection,
    target: Target,
    token_kind: str,
    related: RelatedTable,
    kinds: dict[str, str],
) -> Iterator[Problem]:
    query = statements.together(
        statements.LIMIT_LOOK,
        statements.LIMIT_LOCK_WAIT,
        derived_sql.related_sample(target, token_kind, related, kinds),
    )
    rows = [
        (Token(value_of(token)), values) for _, token, *values in connection.rows(query, LIMITS)
    ]
    for place, column in enumerate(kinds):
        compared = [(token, value_of(values[place])) for token, values in rows if values[place]]
        found = likeness_of(compared)
        if found is not None:
            yield related_column_derives(target, related, column, found, len(compared))
