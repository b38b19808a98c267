"""Find keys that other tables hold by value, where the keys are tokens."""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation import wording
from token_rotation.inspection.columns.derived_columns import LIMITS
from token_rotation.inspection.problem import Problem
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of, reason_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.key_reference import KeyReference
from token_rotation.selection.target import Target
from token_rotation.sql.keys import references as references_sql

_NO_TABLE = "42P01"


def key_reference_warnings(connection: Connection, target: Target) -> Iterator[Problem]:
    """Yield a warning for each column that holds keys, or that could not be searched.

    They are generic references and the admin's log. Each is read for 5 s at most. Other driver
    errors pass through.
    """
    for reference in target.key_references:
        query = statements.together(
            statements.LIMIT_LOOK,
            statements.LIMIT_LOCK_WAIT,
            references_sql.count_by_value(target, reference),
        )
        try:
            stored, retired = connection.row(query, LIMITS) or (0, 0)
        except driver.Error as error:
            is_refused = isinstance(error, driver.ProgrammingError)
            if not is_refused and fault_of(error) not in (Fault.TIMED_OUT, Fault.LOCKED):
                raise
            if driver.sqlstate_of(error) != _NO_TABLE:
                yield _not_searched(target, reference, reason_of(error))
            continue
        if stored or retired:
            yield _held_by_value(connection, target, reference, (stored, retired))


def _held_by_value(
    connection: Connection, target: Target, reference: KeyReference, counts: tuple[int, int]
) -> Problem:
    stored, retired = counts
    with connection.cursor() as cursor:
        condition = references_sql.of_models(reference).as_string(cursor)
    return Problem(
        "token_rotation.W057",
        f"{reference.table}.{reference.column} holds tokens of {target.table} by value in "
        f"{wording.things(stored + retired, 'row')}: {stored:,} that are valid now, {retired:,} "
        "that were replaced. A reference finds no row after the rotation, and a valid token is "
        "there for whoever reads that table",
        f'UPDATE "{reference.table}" SET "{reference.column}" = \'\' WHERE {condition} in psql, '  # noqa: S608
        "or delete these rows",
    )


def _not_searched(target: Target, reference: KeyReference, reason: str) -> Problem:
    return Problem(
        "token_rotation.W057",
        f"{reference.table}.{reference.column} was not searched for tokens of {target.table}: "
        f"{reason}",
        "python manage.py verify_tokens FILE --everywhere, which searches every table",
    )
