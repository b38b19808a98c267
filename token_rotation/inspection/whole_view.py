"""Find what lets this role see only a part of the table, or another table."""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.inspection.problem import Problem
from token_rotation.postgres import row_security
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.sql import whole_view as whole_view_sql

BLIND = {"token_rotation.E055", "token_rotation.E056", "token_rotation.E057"}
"""What nobody can count under."""


def view_problems(connection: Connection, target: Target) -> Iterator[Problem]:
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
    for who, other in connection.rows(whole_view_sql.other_meanings(), values):
        yield Problem(
            "token_rotation.E057",
            f"The name {target.table} means {name} here and {other} for {who}, so nobody can tell "
            "which table the application uses",
            f"the same command with the search_path of the application (in the OPTIONS of "
            f"DATABASES[{target.database!r}]), or rename the table that it does not use",
        )
