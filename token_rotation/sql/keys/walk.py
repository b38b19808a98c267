"""The value by which a rotation orders rows, and names them outside of the server."""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.marked_table import MarkedTable

HASH = "hashtextextended"
"""PostgreSQL's own hash of a text, a bigint. It never changes between releases: indexes hold it."""


def walk_key(target: MarkedTable, *table: str) -> sql.Composable:
    """The primary key, or a hash of it where the key is a token.

    Statements and their answers stand in logs and records, so no token may be in them. A hash of 64
    bits leads back to no token of 128 random bits or more. Two rows may share one: a range holds
    both. ``table`` qualifies the column.
    """
    key = sql.Identifier(*table, target.key_column)
    return sql.SQL("{}({}::text, 0)").format(sql.SQL(HASH), key) if target.hides_keys else key
