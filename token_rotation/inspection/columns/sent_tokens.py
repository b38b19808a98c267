"""Find columns in which a retired token could be stored again."""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.inspection.keeping import accepts_sent, keeps
from token_rotation.inspection.problem import PGTRIGGER, Problem
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.sql.server import equality as equality_sql


def sent_problems(connection: Connection, target: Target) -> Iterator[Problem]:
    """Yield problems of a column whose retired tokens are kept, or that takes sent ones."""
    if keeps(target) or accepts_sent(target):
        yield from _loose(connection, target)
    if accepts_sent(target) and target.token_is_unique:
        yield from _unique_at_commit(connection, target)


def _loose(connection: Connection, target: Target) -> Iterator[Problem]:
    """The hash of a retired token differs where PostgreSQL takes two texts for equal."""
    values = {"table": target.table, "column": target.token_column}
    triggers = " ".join(each.uri for each in target.guard_triggers)
    for name, is_collation in connection.rows(equality_sql.loose_equality(), values):
        what = f"the collation {name}" if is_collation else f"the type {name}"
        yield Problem(
            "token_rotation.E061",
            f"{target.table}.{target.token_column} has {what}, by which texts that differ are "
            "equal: a retired token written in another way could be stored and would open its row",
            f"{PGTRIGGER} uninstall {triggers}, then migrate to a plain text field with a "
            f'deterministic collation (db_collation="C"), then {PGTRIGGER} install {triggers}, '
            f"then {target.whole_command} --issued-before now",
        )


def _unique_at_commit(connection: Connection, target: Target) -> Iterator[Problem]:
    """A write does not wait for another session that is replacing the same token."""
    values = {"table": target.table, "column": target.token_column}
    indexes = connection.rows(equality_sql.unique_indexes(), values)
    if not indexes or any(at_once for _, at_once in indexes):
        return
    name, _ = indexes[0]
    table, column, quoted = (
        '"' + each.replace('"', '""') + '"' for each in (target.table, target.token_column, name)
    )
    yield Problem(
        "token_rotation.E027",
        f"The unique constraint {name} of {target.table} can be deferred in the database: a leaked "
        "token could come back while it is replaced",
        f"ALTER TABLE {table} DROP CONSTRAINT {quoted}, ADD CONSTRAINT {quoted} UNIQUE ({column}) "
        "in psql, which locks the table for as long as it builds the index",
    )
