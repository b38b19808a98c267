"""Inspect settings that let sessions escape the guard."""

from __future__ import annotations

from token_rotation.inspection.problem import Problem
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.sql.server import catalogue as catalogue_sql


def role_problems(connection: Connection, target: Target) -> tuple[list[Problem], list[Problem]]:
    """Return problems and warnings about sessions that escape the guard.

    No trigger fires for such a session, or the guard triggers do nothing in it.
    """
    role, exempt = connection.row(catalogue_sql.replication_role()) or ("origin", [])
    problems = [_replica_role()] if role == "replica" else []
    return problems, [*(_exempt(target, who) for who in exempt), *_ignoring(connection, target)]


def _ignoring(connection: Connection, target: Target) -> list[Problem]:
    names = [trigger.name for trigger in target.guard_triggers]
    rows = connection.rows(catalogue_sql.ignored_triggers(), {"triggers": names})
    return [_ignored(target, who) for (who,) in rows]


def _replica_role() -> Problem:
    return Problem(
        "token_rotation.E007",
        "session_replication_role is replica on this connection, so no guard trigger fires",
        "ALTER ROLE ... RESET session_replication_role in psql, and check the connection's OPTIONS",
    )


def _exempt(target: Target, who: str) -> Problem:
    return Problem(
        "token_rotation.W001",
        f"The guard of {target.table} does not fire for {who}, whose session_replication_role is "
        "replica: a leaked token could come back through it",
        "ALTER ROLE (or DATABASE) ... RESET session_replication_role in psql",
    )


def _ignored(target: Target, who: str) -> Problem:
    return Problem(
        "token_rotation.W033",
        f"pgtrigger.ignore is set for {who} and names guard triggers of {target.table}: an INSERT "
        "there keeps the token that it sends",
        "ALTER ROLE (or DATABASE) ... RESET pgtrigger.ignore in psql",
    )
