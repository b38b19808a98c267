"""Inspect rules and foreign tables, which go round the guard."""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.inspection.problem import Problem
from token_rotation.inspection.triggers.tree import Tree
from token_rotation.postgres.connection import Connection
from token_rotation.sql.server import tree as tree_sql


def rule_problems(connection: Connection, tree: Tree) -> tuple[list[Problem], list[Problem]]:
    """Return problems and warnings about rules on INSERT and UPDATE."""
    rows = connection.rows(tree_sql.rules(), {"relations": tree.oids})
    problems = [_instead(relation, rule) for relation, rule, is_instead in rows if is_instead]
    warnings = [_also(relation, rule) for relation, rule, is_instead in rows if not is_instead]
    return problems, warnings


def foreign_tables(tree: Tree) -> Iterator[Problem]:
    """Yield a problem for each foreign table of the tree."""
    for relation in tree.relations:
        if relation.is_foreign:
            yield Problem(
                "token_rotation.E034",
                f"{relation.name} is a foreign table: writes on its own server meet no guard, and "
                "leaked tokens can come back there",
                f"ALTER TABLE ... DETACH PARTITION {relation.name} (or NO INHERIT) in psql, and "
                "rotate that table on its own server",
            )


def _instead(relation: str, rule: str) -> Problem:
    return Problem(
        "token_rotation.E033",
        f'The rule "{rule}" on {relation} replaces an INSERT or UPDATE by something else, which '
        "need not meet the guard",
        f'DROP RULE "{rule}" ON {relation} in psql (a BEFORE trigger can do the same)',
    )


def _also(relation: str, rule: str) -> Problem:
    return Problem(
        "token_rotation.W032",
        f'The rule "{rule}" on {relation} runs a second statement with each INSERT or UPDATE: the '
        "token that it sees may be another one than the row's",
        f'DROP RULE "{rule}" ON {relation} in psql (an AFTER trigger can do the same)',
    )
