"""Find columns that derive from the token, by the rows of the table.

They would still belong to the leaked token after a rotation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from token_rotation.inspection.columns.derived_findings import (
    column_derives,
    not_compared,
    sql_differs,
    sql_fails,
    token_is_hash,
)
from token_rotation.inspection.columns.digests import Value
from token_rotation.inspection.columns.likeness import Token, is_password_hash, likeness_of
from token_rotation.inspection.problem import Problem
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of, reason_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.target import Target
from token_rotation.sql import derived_columns as derived_sql
from token_rotation.sql.tokens import made_from

LIMITS = {"lock_timeout_ms": 1_000, "statement_timeout_ms": 5_000}

SampledRow = tuple[Token, dict[str, Value]]
"""A token, and the columns of its row that are filled."""


def derived_problems(connection: Connection, target: Target) -> tuple[list[Problem], list[Problem]]:
    """Return the problems and the warnings about columns that derive from the token.

    It compares up to 1,500 rows, each statement for 5 s at most. What it could not compare is a
    warning. Driver errors pass through.
    """
    kinds, warnings = readable_columns(connection, target.table)
    try:
        rows = _sampled_rows(connection, target, kinds)
        found = [*_likenesses(target, rows), *_declared(connection, target)]
    except driver.Error as error:
        if fault_of(error) not in (Fault.TIMED_OUT, Fault.LOCKED):
            raise
        return [], [*warnings, not_compared(target.table, list(kinds), reason_of(error))]
    problems = [*_hashes(target, rows), *(each for each in found if each.stops)]
    return problems, [*warnings, *(each for each in found if not each.stops)]


def readable_columns(connection: Connection, table: str) -> tuple[dict[str, str], list[Problem]]:
    """Return the columns of a table that can be compared, by their kind, and a warning if others.

    Those that PostgreSQL computes follow the token, or the other columns.
    """
    columns = connection.rows(derived_sql.columns(), {"table": table})
    stored = [
        (name, kind, may_read) for name, kind, may_read, is_computed in columns if not is_computed
    ]
    hidden = [name for name, _, may_read in stored if not may_read]
    warnings = [not_compared(table, hidden, "this role may not read them")] if hidden else []
    return {name: kind for name, kind, may_read in stored if may_read}, warnings


def without_derived(target: Target, outdated: Sequence[Problem]) -> Iterator[Problem]:
    """Yield a problem if an outdated trigger may not know the declared columns."""
    if target.derived and outdated:
        yield Problem(
            "token_rotation.E053",
            f"{outdated[0].sentence}, so a rotation may leave {', '.join(target.derived)} behind",
            outdated[0].mend,
        )


def _sampled_rows(
    connection: Connection, target: Target, kinds: dict[str, str]
) -> list[SampledRow]:
    others = [column for column in kinds if column != target.token_column]
    query = statements.together(
        statements.LIMIT_LOOK, statements.bounded(derived_sql.sample(target, kinds))
    )
    return [
        (
            Token(value_of(token)),
            {name: value_of(each) for name, each in zip(others, values, strict=True) if each},
        )
        for token, *values in connection.rows(query, LIMITS)
    ]


def value_of(stored: str | memoryview) -> Value:
    return stored if isinstance(stored, str) else bytes(stored)


def _hashes(target: Target, rows: Sequence[SampledRow]) -> Iterator[Problem]:
    hashes = sum(is_password_hash(token.stored) for token, _ in rows)
    if hashes and not target.revokes:
        yield token_is_hash(target, hashes, len(rows))


def _likenesses(target: Target, rows: Sequence[SampledRow]) -> Iterator[Problem]:
    for column in {name: None for _, values in rows for name in values}:
        if column in target.derived:
            continue
        compared = [(token, values[column]) for token, values in rows if column in values]
        found = likeness_of(compared)
        if found is not None:
            yield column_derives(target, column, found, len(compared))


def _declared(connection: Connection, target: Target) -> Iterator[Problem]:
    """Compare each declared SQL with what is stored."""
    for column, expression in zip(target.derived, target.derived_sql, strict=True):
        count = derived_sql.count_different(target, column, made_from(target, expression))
        query = statements.together(statements.LIMIT_LOOK, statements.bounded(count))
        try:
            filled, different = connection.row(query, LIMITS) or (0, 0)
        except (driver.DataError, driver.ProgrammingError) as error:
            yield sql_fails(target, column, reason_of(error))
            continue
        if different:
            yield sql_differs(target, column, different, filled)
