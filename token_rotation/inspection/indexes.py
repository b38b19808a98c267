"""Inspect the indexes that a rotation needs.

They are the index of pending rows, and that of unique tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from token_rotation.inspection.problem import MIGRATE, Problem
from token_rotation.postgres.connection import Connection, Row
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import EVERY_ROW_HAS_A_TOKEN, Target
from token_rotation.sql.keys.walk import HASH
from token_rotation.sql.server import catalogue as catalogue_sql

_CAST = re.compile(r'::"?\w+"?(?: varying)?')
_ROUGH = str.maketrans("", "", '()"')

FoundIndexes = dict[str, tuple[str, str]]
"""State and name of each needed index: "valid", "invalid" or "missing".

By "pending", "token", and "key hash" where the token is the primary key.
"""


def read_indexes(connection: Connection, target: MarkedTable) -> FoundIndexes:
    """Read the state of each needed index.

    If several fit, a valid one counts.
    """
    rows = connection.rows(catalogue_sql.index_states(), {"table": target.table})
    rows.sort(key=lambda row: row[3])
    states = {"pending": ("missing", "")}
    if isinstance(target, Target) and target.token_is_unique:
        states["token"] = ("missing", "")
    if target.hides_keys:
        states["key hash"] = ("missing", "")
    for row in rows:
        kind = _kind(target, row)
        if kind in states:
            states[kind] = ("valid" if row[3] else "invalid", row[0])
    return states


def indexes_on(connection: Connection, target: MarkedTable, column: str) -> list[str]:
    """Return the names, quoted, of the whole and unique indexes that begin with a column."""
    rows = connection.rows(catalogue_sql.index_states(), {"table": target.table})
    return [
        '"' + name.replace('"', '""') + '"'
        for name, unique, predicate, _, columns, _ in rows
        if unique and predicate is None and columns[:1] == [column]
    ]


def index_problems(target: MarkedTable, indexes: FoundIndexes) -> Iterator[Problem]:
    """Yield problems that stop a rotation: missing or invalid indexes."""
    for kind, (state, name) in indexes.items():
        if state == "missing":
            yield Problem(
                "token_rotation.E005",
                f"{target.table} has no {kind} index yet",
                f"{MIGRATE} (if nothing is left to migrate, in psql: {_create(target, kind)})",
            )
        elif state == "invalid":
            yield Problem(
                "token_rotation.E006",
                f"The {kind} index {name} of {target.table} is invalid",
                f"{MIGRATE} (if nothing is left to migrate, in psql: "
                f'REINDEX INDEX CONCURRENTLY "{name}")',
            )


def _kind(target: MarkedTable, row: Row) -> str | None:
    _, unique, predicate, _, columns, expressions = row
    if _is_walked(target, columns, expressions) and predicate is not None:
        if _plain(predicate) in _predicates(target):
            return "pending"
    elif columns == [_token_of(target)] and unique and predicate is None:
        return "token"
    elif target.hides_keys and _is_walked(target, columns, expressions):
        return "key hash"
    return None


def _token_of(target: MarkedTable) -> str | None:
    return None if target.presence is None else target.presence[0]


def _is_walked(target: MarkedTable, columns: list[str], expressions: str | None) -> bool:
    """Return True if an index is in the order in which a rotation walks."""
    if not target.hides_keys:
        return bool(columns == [target.key_column])
    hashed = f"{HASH}({target.key_column}, 0)"
    return not columns and expressions is not None and _plain(expressions) == _plain(hashed)


def _predicates(target: MarkedTable) -> set[str]:
    """Return the predicates that every look-up of pending rows implies.

    An index without the term about absent tokens holds more rows, and serves as well.
    """
    is_null = f"{target.marker_column} IS NULL"
    terms = [""]
    if target.presence is not None and target.presence[1] != EVERY_ROW_HAS_A_TOKEN:
        token, _ = target.presence
        terms += [f" AND {token} IS NOT NULL"]
        terms += [f"{each} AND {token} <> ''" for each in terms]
    return {_plain(is_null + each) for each in terms}


def _plain(predicate: str) -> str:
    """Return the predicate without brackets, quotation marks and casts."""
    return _CAST.sub("", predicate).translate(_ROUGH)


def _create(target: MarkedTable, kind: str) -> str:
    if kind == "token":
        return f'CREATE UNIQUE INDEX CONCURRENTLY ON "{target.table}" ("{_token_of(target)}")'
    term = ""
    if target.presence is not None and target.presence[1] != EVERY_ROW_HAS_A_TOKEN:
        token, absent = target.presence
        cast = "" if absent.text else "::text"
        term = f""" AND "{token}"{cast} <> ''"""
    key = f'"{target.key_column}"'
    if target.hides_keys:
        key = f"{HASH}({key}::text, 0)"
    if kind == "key hash":
        return f'CREATE INDEX CONCURRENTLY ON "{target.table}" ({key})'
    return (
        f'CREATE INDEX CONCURRENTLY ON "{target.table}" ({key}) '
        f'WHERE "{target.marker_column}" IS NULL{term}'
    )
