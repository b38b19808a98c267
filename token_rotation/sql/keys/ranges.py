"""SQL that finds where the next batches end.

It reads stretches of an index, of bounded length.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.selection import EVERY_ROW
from token_rotation.sql.keys.walk import walk_key
from token_rotation.sql.pending import pending, still_pending, within


def batch_upper_key(target: MarkedTable, keys: KeyRange) -> sql.Composed:
    """The last of the next ``batch_rows`` pending keys.

    No row when none is pending.

    ACCESS SHARE. An index-only scan of the partial index. Works for any ordered key type: there
    is no max() for uuid before PostgreSQL 18.
    """
    return sql.SQL(
        "SELECT key FROM ("
        "SELECT {key} AS key FROM {table} WHERE {pending} ORDER BY 1 LIMIT %(batch_rows)s"
        ") AS batch ORDER BY key DESC LIMIT 1"
    ).format(
        key=walk_key(target),
        table=sql.Identifier(target.table),
        pending=pending(target, keys),
    )


def batch_upper_keys(target: MarkedTable, keys: KeyRange) -> sql.Composed:
    """The upper keys of the next batches.

    The batches have ``batch_rows`` rows, over ``ahead_rows`` pending keys.

    ACCESS SHARE. One index-only scan of the partial index. The last batch may be smaller.
    """
    return sql.SQL(
        "SELECT key FROM ("
        "SELECT key, row_number() OVER (ORDER BY key) AS place, count(*) OVER () AS places "
        "FROM (SELECT {key} AS key FROM {table} WHERE {pending} ORDER BY 1 LIMIT %(ahead_rows)s) "
        "AS ahead"
        ") AS batch WHERE place %% %(batch_rows)s = 0 OR place = places ORDER BY key"
    ).format(
        key=walk_key(target),
        table=sql.Identifier(target.table),
        pending=pending(target, keys),
    )


def range_upper_keys(target: MarkedTable) -> sql.Composed:
    """Every ``range_rows``-th of the first ``ahead_rows`` pending keys, as text.

    ACCESS SHARE. One index-only scan of the partial index. A key's text, sent back as a literal
    without a type, is the key again, whatever its type; and any JSON can hold it.
    """
    return sql.SQL(
        "SELECT key::text FROM ("
        "SELECT key, row_number() OVER (ORDER BY key) AS place "
        "FROM (SELECT {key} AS key FROM {table} WHERE {pending} ORDER BY 1 LIMIT %(ahead_rows)s) "
        "AS ahead"
        ") AS numbered WHERE place %% %(range_rows)s = 0 ORDER BY place"
    ).format(
        key=walk_key(target),
        table=sql.Identifier(target.table),
        pending=pending(target, EVERY_KEY),
    )


def walk(target: MarkedTable, keys: KeyRange) -> sql.Composed:
    """The upper keys of the next batches in ``walk_rows`` keys.

    Each batch has ``batch_rows`` rows.

    For a selection that the partial index does not hold. Each row is (key, whether it ends a
    batch, number of keys looked at); the last one is the last key that was looked at. No row where
    there are no more keys. With fewer than ``walk_rows`` looked at, there are no more after them.

    ACCESS SHARE. A stretch of the primary key, or of the partial index where markers are NULL, read
    once: its length is bounded, whatever is pending in it.
    """
    key = walk_key(target)
    candidates: list[sql.Composable] = [sql.SQL("true")]
    if target.selection.issued_before is None:
        candidates = [still_pending(target.selecting(EVERY_ROW), EVERY_KEY)]
    return sql.SQL(
        "WITH walked AS MATERIALIZED ("
        "SELECT {key} AS key, {pending} AS pending FROM {table} WHERE {candidates} "
        "ORDER BY 1 LIMIT %(walk_rows)s"
        "), numbered AS ("
        "SELECT key, row_number() OVER (ORDER BY key) AS place, count(*) OVER () AS places "
        "FROM walked WHERE pending"
        "), ends AS ("
        "SELECT key, true AS ends_batch FROM numbered "
        "WHERE place %% %(batch_rows)s = 0 OR place = places "
        "UNION ALL (SELECT key, false FROM walked ORDER BY key DESC LIMIT 1)"
        ") SELECT key, ends_batch, (SELECT count(*) FROM walked) FROM ends "
        "ORDER BY key, ends_batch DESC"
    ).format(
        key=key,
        pending=still_pending(target, EVERY_KEY),
        table=sql.Identifier(target.table),
        candidates=sql.SQL(" AND ").join([*candidates, *within(key, keys)]),
    )
