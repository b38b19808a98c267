"""Find a partitioned table whose guard does not know that rows move."""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.inspection.problem import Problem
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.sql.server import catalogue as catalogue_sql
from token_rotation.triggers.guard_triggers import MoveGuard

DECLARE = (
    "python manage.py makemigrations, after you declare guard(..., partitioned=True) and, where "
    "you keep retired tokens, keep_retired(..., partitioned=True)"
)


def partition_problems(connection: Connection, target: Target) -> Iterator[Problem]:
    """Yield a warning if a row that moves to another partition gets another token."""
    names = (trigger.uri.partition(":")[2] for trigger in target.guard_triggers)
    if any(name.startswith(str(MoveGuard.name)) for name in names):
        return
    if connection.value(catalogue_sql.is_partitioned(), {"table": target.table}):
        yield Problem(
            "token_rotation.W020",
            f"{target.table} is partitioned, and its guard takes a row that moves to another "
            "partition for a new one: it gets another token",
            DECLARE,
        )
