"""Try the SQL that makes tokens before a rotation."""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.inspection.problem import Problem
from token_rotation.postgres import driver
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.selection.target import Target
from token_rotation.sql.server import catalogue as catalogue_sql


def token_problems(connection: Connection, target: Target) -> Iterator[Problem]:
    """Yield a problem if tokens from SQL would be wrong.

    Tokens made in Python are checked as they come.
    """
    expression = target.token_source.expression
    if expression is None:
        return
    wrong = _wrong_with(connection, target, expression)
    if wrong is not None:
        yield Problem(
            "token_rotation.E008",
            f"The expression that makes tokens for {target.table}.{target.token_column} {wrong}",
            "python manage.py makemigrations, after you mend the fresh_token of its guard()",
        )


def _wrong_with(connection: Connection, target: Target, expression: str) -> str | None:
    values = {"table": target.table, "column": target.token_column}
    try:
        row = connection.row(catalogue_sql.probe_tokens(expression), values)
    except driver.DataError as error:
        return f"fails: {reason_of(error)}"
    except driver.ProgrammingError as error:
        return f"is no SQL that this server can run: {reason_of(error)}"
    made, different, longest, room = row or (0, 0, 0, None)
    if made < catalogue_sql.PROBED_TOKENS:
        return "makes NULL"
    if different < made:
        return "gives several rows the same token, as a subquery that depends on no row does"
    if room is not None and longest > room:
        return f"makes {longest} characters, and the column has room for {room}"
    return None
