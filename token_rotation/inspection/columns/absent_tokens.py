"""Find rows without a token where the field allows none."""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.inspection.problem import Problem
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.target import Target
from token_rotation.sql.server import catalogue as catalogue_sql

LOOK_AT_MOST_MS = 3_000


def absent_problems(connection: Connection, target: Target) -> tuple[list[Problem], list[Problem]]:
    """Return problems and warnings about rows that would be given a token.

    A rotation takes NULL and '' for tokens where the field does not allow them. The index of the
    token answers. Without one, a look that takes too long is a warning.
    """
    found, unknown = [], []
    for what, query in _look_ups(connection, target):
        try:
            if _any(connection, query):
                found.append(_problem(target, what))
        except driver.Error as error:
            if fault_of(error) is not Fault.TIMED_OUT:
                raise
            unknown.append(_unknown(target, what))
    return found, unknown


def _look_ups(connection: Connection, target: Target) -> Iterator[tuple[str, statements.Statement]]:
    values = {"table": target.table, "column": target.token_column}
    row = connection.row(catalogue_sql.may_be_absent(), values)
    may_be_null, is_text = row or (False, False)
    if may_be_null and not (target.absent.nullable or target.absent.text):
        yield "NULL", catalogue_sql.any_null(target.table, target.token_column)
    if is_text and not target.absent.text:
        yield "''", catalogue_sql.any_empty(target.table, target.token_column)


def _any(connection: Connection, query: statements.Statement) -> bool:
    bounded = statements.together(statements.LIMIT_LOOK, query)
    return bool(connection.value(bounded, {"statement_timeout_ms": LOOK_AT_MOST_MS}))


def _problem(target: Target, what: str) -> Problem:
    allow = "null=True" if what == "NULL" else "blank=True"
    where = f"{target.table}.{target.token_column}"
    return Problem(
        "token_rotation.E041",
        f"Rows of {target.table} have {what} for a token, which {where} does not allow: a "
        "rotation would give each of them a token that opens something",
        f"python manage.py makemigrations, after you declare the field with {allow} (such rows "
        "then stay without a token), or delete these rows or give them tokens",
    )


def _unknown(target: Target, what: str) -> Problem:
    return Problem(
        "token_rotation.W040",
        f"{target.table}.{target.token_column} has no index that finds {what} quickly, so nobody "
        "knows whether rows without a token would be given one",
        f'CREATE INDEX CONCURRENTLY ON "{target.table}" ("{target.token_column}") in psql',
    )
