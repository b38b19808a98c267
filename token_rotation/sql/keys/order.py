"""SQL that compares keys as PostgreSQL does, without an index."""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.selection import EVERY_ROW
from token_rotation.sql.keys.walk import walk_key
from token_rotation.sql.pending import pending


def descends(target: MarkedTable, keys: int) -> sql.Composed:
    """Test if one of ``key_0``, ``key_1``, ... is not above the one before it.

    They are compared as values of the key's column, with its collation. ACCESS SHARE; reads no row.
    """
    listed = (
        sql.SQL("SELECT {}, {}").format(sql.Placeholder(f"key_{place}"), sql.Literal(place))
        for place in range(keys)
    )
    return sql.SQL(
        "SELECT EXISTS (SELECT FROM (SELECT key, lag(key) OVER (ORDER BY place) AS before FROM ("
        "SELECT {key} AS key, 0 AS place FROM {table} WHERE false UNION ALL {listed}"
        ") AS listed) AS pairs WHERE key <= before)"
    ).format(
        key=walk_key(target),
        table=sql.Identifier(target.table),
        listed=sql.SQL(" UNION ALL ").join(listed),
    )


def index_descends(target: MarkedTable, *, pending_alone: bool) -> sql.Composed:
    """Test if an index gives a key before one that is not above it.

    The index is that of pending rows, or that of all keys. ACCESS SHARE; reads the whole index,
    under ``READ_IN_KEY_ORDER``.
    """
    of_pending = pending(target.selecting(EVERY_ROW), EVERY_KEY)
    return sql.SQL(
        "SELECT EXISTS (SELECT FROM (SELECT key, lag(key) OVER () AS before FROM ("
        "SELECT {key} AS key FROM {table} WHERE {which} ORDER BY {key}"
        ") AS given) AS pairs WHERE key <= before)"
    ).format(
        key=walk_key(target),
        table=sql.Identifier(target.table),
        which=of_pending if pending_alone else sql.SQL("true"),
    )
