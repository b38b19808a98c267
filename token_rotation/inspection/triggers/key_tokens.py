"""Find what forbids the rotation of tokens that are primary keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from token_rotation.inspection.keeping import accepts_sent, keeps
from token_rotation.inspection.problem import MAKE, Problem
from token_rotation.inspection.triggers.other_triggers import Suspect
from token_rotation.inspection.triggers.tree import Tree
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.sql.server import foreign_keys as foreign_keys_sql


def key_token_problems(connection: Connection, target: Target, tree: Tree) -> Iterator[Problem]:
    """Yield a problem for each thing that would lose a changed key, or bring it back.

    None where the token is not the primary key. Driver errors pass through.
    """
    if not target.hides_keys:
        return
    if not (keeps(target) and accepts_sent(target)):
        yield Problem(
            "token_rotation.E063",
            f"{target.token_column} is the primary key of {target.table}, and replaced tokens are "
            "not kept: a stale save() would insert one again",
            f"{MAKE}, after you declare guard(..., accept='sent') and keep_retired()",
        )
    values = {"table": target.table, "column": target.key_column}
    for table, constraint in connection.rows(foreign_keys_sql.left_behind(), values):
        yield _left_behind(target, table, constraint)
    if len(tree.relations) > 1:
        yield Problem(
            "token_rotation.E063",
            f"{target.table} has partitions or children, and its token is the primary key: a key "
            "that changes could be in two of them",
            f"\\d+ {target.table} in psql, and move the rows into one table",
        )


def doubted_trigger_problems(target: Target, suspects: Iterable[Suspect]) -> Iterator[Problem]:
    """Yield a problem for each trigger that might write a key: rows are compared by their keys.

    None where the token is not the primary key.
    """
    for each in suspects:
        if target.hides_keys and not each.overrules:
            yield Problem(
                "token_rotation.E063",
                f"The trigger {each.named} may write {target.token_column}, which is the primary "
                "key: no check could tell if it did",
                f"\\sf {each.trigger.function.signature} in psql, and change or drop it",
            )


def _left_behind(target: Target, table: str, constraint: str) -> Problem:
    quoted = '"' + constraint.replace('"', '""') + '"'
    return Problem(
        "token_rotation.E062",
        f"The foreign key {constraint} of {table} refers to {target.table}.{target.key_column} "
        "without ON UPDATE CASCADE: its rows would hold a replaced token, so no token with such "
        "rows could change",
        f"ALTER TABLE {table} DROP CONSTRAINT {quoted}, ADD CONSTRAINT {quoted} FOREIGN KEY (...) "
        f'REFERENCES "{target.table}" ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED in psql',
    )
