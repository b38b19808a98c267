"""Find what lets this role see only a part of the table, or another table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import connections

from token_rotation.errors import NotReadyError
from token_rotation.inspection.keeping import keeps
from token_rotation.inspection.problem import Problem
from token_rotation.postgres import row_security
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.driver import sql
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import Target
from token_rotation.sql.server import whole_view as whole_view_sql
from token_rotation.triggers.retired_sql import TABLE as RETIRED_TABLE

MAY_NOT_KEEP = "token_rotation.E065"

BLIND = {"token_rotation.E055", "token_rotation.E056", "token_rotation.E057"}
"""What nobody can count under."""

KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "I": "an index",
    "c": "a type",
}

Ask = Callable[[sql.Composable, dict[str, Any]], Sequence[tuple[Any, ...]]]
"""Sends a query with its values, and returns all rows."""


def view_problems(connection: Connection, target: MarkedTable) -> Iterator[Problem]:
    """Yield problems that make every count of this role doubtful."""
    values = {"table": target.table}
    found = connection.row(whole_view_sql.rights(), values)
    if found is None:
        return
    name, role, is_hidden, policies, may_read = found
    if is_hidden:
        yield Problem(
            "token_rotation.E055",
            row_security.hidden(role, name, policies),
            row_security.mend(role),
        )
    if not may_read:
        yield Problem(
            "token_rotation.E056",
            f"The role {role} may not read {name}",
            f'GRANT SELECT ON {name} TO "{role}" in psql',
        )
    yield from other_tables(connection.rows, target.table, target.database, name)


def other_tables(ask: Ask, table: str, database: str, name: str) -> Iterator[Problem]:
    """Yield a problem for each session that another table than ``name`` answers to."""
    for who, other in ask(whole_view_sql.other_meanings(), {"table": table}):
        yield Problem(
            "token_rotation.E057",
            f"The name {table} means {name} here and {other} for {who}, so nobody can tell "
            "which table the application uses",
            f"the same command with the search_path of the application (in the OPTIONS of "
            f"DATABASES[{database!r}]), or rename the table that it does not use",
        )


def tenant_problem(ask: Ask, table: str, database: str) -> Problem | None:
    """Return a problem where Django's connection, in a tenant's schema, finds another table.

    Backends for tenants keep the schema in the thread's connection alone.
    """
    django = connections[database]
    if getattr(django, "schema_name", None) is None:
        return None
    named, values = whole_view_sql.qualified_name(), {"table": table}
    with django_cursor(django) as cursor:
        cursor.execute(named, values)
        (meant,) = cursor.fetchone()
    ((found,),) = ask(named, values)
    if meant == found:
        return None
    return Problem(
        "token_rotation.E064",
        f"The name {table} means {meant or 'nothing'} in this tenant's schema, and "
        f"{found or 'nothing'} to the sessions of a rotation, which know no tenant",
        "the same command with --database and an alias of the tenant's own, whose ENGINE is "
        'django.db.backends.postgresql and whose OPTIONS are {"options": "-c search_path=SCHEMA"}',
    )


def kind_problem(ask: Ask, table: str) -> Problem | None:
    """Return a problem if the name is not a table's; None also where it means nothing."""
    for name, kind in ask(whole_view_sql.kind(), {"table": table}):
        if kind in KINDS:
            return Problem(
                "token_rotation.E058",
                f"The name {table} means {name}, which is {KINDS[kind]} and not a table",
                f"the same command where {table} is the name of the table that stores the tokens",
            )
    return None


def name_problems(ask: Ask, table: str, database: str) -> Iterator[Problem]:
    """Yield problems if the name means no table, or another one to others.

    A name that means nothing has none: the statement that follows says so.
    """
    problem = tenant_problem(ask, table, database) or kind_problem(ask, table)
    if problem is not None:
        yield problem
        return
    for name, _ in ask(whole_view_sql.kind(), {"table": table}):
        yield from other_tables(ask, table, database, name)


def require_one_table(ask: Ask, table: str, database: str) -> None:
    """Raises NotReadyError if there are ``name_problems``."""
    problems = tuple(map(str, name_problems(ask, table, database)))
    if problems:
        raise NotReadyError(problems)


def keeping_problems(connection: Connection, target: Target) -> Iterator[Problem]:
    """Yield a problem if the triggers would be refused to keep what this role replaces."""
    if not keeps(target):
        return
    for name, role in connection.rows(whole_view_sql.rights_to_keep(), {"table": RETIRED_TABLE}):
        yield Problem(
            MAY_NOT_KEEP,
            f"The role {role} may not read {name} and insert there: PostgreSQL would refuse each "
            f"new token in {target.table}",
            f'GRANT SELECT, INSERT ON {name} TO "{role}" in psql',
        )


def retired_problem(connection: Connection, target: Target) -> Problem | None:
    """Return a problem if row security may hide a retired token from a role that writes.

    The triggers look as that role: a token that it does not see counts as never retired.
    """
    values = {"table": RETIRED_TABLE}
    found = keeps(target) and connection.row(whole_view_sql.row_security_of(), values)
    if not found:
        return None
    (name,) = found
    return Problem(
        "token_rotation.E059",
        f"Row security is enabled on {name}: a role that it hides rows from can store a retired "
        "token again",
        f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY in psql",
    )
