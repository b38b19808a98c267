"""The UPDATEs of a rotation, and their lock.

One of them waits for that lock.

The guard takes no marker later than the server's clock for a rotation, and none earlier than the
stored one. So where a listed row's marker is later than the clock, a statement before the UPDATE
takes that marker away, in the same transaction.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import Target
from token_rotation.sql.keys.walk import walk_key
from token_rotation.sql.pending import is_later, new_marker, pending, still_pending
from token_rotation.sql.tokens import sets_token


def update_range(target: MarkedTable, keys: KeyRange, assigned: sql.Composable) -> sql.Composed:
    """Update every pending row of a range.

    ``assigned`` sets all columns but the marker; it is evaluated for each row.

    ROW EXCLUSIVE on the table, FOR UPDATE on each row; waits for rows locked by others, so it
    runs under a lock timeout.
    """
    return sql.SQL("{first}UPDATE {table} SET {rotated} WHERE {pending}").format(
        first=_take_later_markers(target, keys, pending(target, keys)),
        table=sql.Identifier(target.table),
        rotated=set_columns(target, keys, assigned),
        pending=pending(target, keys),
    )


def update_free_rows(target: MarkedTable, keys: KeyRange, assigned: sql.Composable) -> sql.Composed:
    """Update at most ``batch_rows`` free pending rows of a range, as ``update_range`` does.

    Free rows are those that others do not lock.

    ROW EXCLUSIVE on the table, FOR UPDATE on each row, never a wait. FOR UPDATE and not FOR NO KEY
    UPDATE: the token stands in a unique index, so the UPDATE conflicts even with the FOR KEY SHARE
    of a foreign-key check and would wait for it. ``= ANY(ARRAY(...))`` and not a join: the planner
    then looks each key up in the primary key, whatever the statistics say.
    """
    free = _free(target, keys)
    return sql.SQL("{first}UPDATE {table} SET {rotated} WHERE {free}").format(
        first=_take_later_markers(target, keys, free),
        table=sql.Identifier(target.table),
        rotated=set_columns(target, keys, assigned),
        free=free,
    )


def update_free_rows_with_tokens(target: Target, keys: KeyRange, token_type: str) -> sql.Composed:
    """Rotate at most ``batch_rows`` free pending rows, with given tokens.

    The rows are a range's. The tokens are those of KEEP_TOKENS.

    ROW EXCLUSIVE on the table, FOR UPDATE on each row, never a wait. The n-th free row gets the
    n-th token; keys never leave the server, so they may be of any type. The range bounds the scan
    of both sides, whatever the statistics say. ``token_type`` is what ``column_type`` answered.
    """
    return sql.SQL(
        "{first}WITH free AS MATERIALIZED ("
        "SELECT key, row_number() OVER () AS place FROM ("
        "SELECT {key} FROM {table} WHERE {pending} "
        "ORDER BY {walk_key} LIMIT %(batch_rows)s FOR UPDATE SKIP LOCKED"
        ") AS locked (key)), made AS ("
        "SELECT token, place FROM unnest(current_setting('token_rotation.tokens')::{type}[]) "
        "WITH ORDINALITY AS made (token, place)) "
        "UPDATE {table} SET {rotated} FROM free JOIN made USING (place) "
        "WHERE {stored_key} = free.key AND {stored_pending}"
    ).format(
        first=_take_later_markers(target, keys, _free(target, keys)),
        table=sql.Identifier(target.table),
        key=sql.Identifier(target.key_column),
        walk_key=walk_key(target),
        pending=pending(target, keys),
        type=sql.SQL(token_type),
        rotated=set_columns(target, keys, sets_token(target, sql.SQL("made.token"))),
        stored_key=sql.Identifier(target.table, target.key_column),
        stored_pending=pending(target, keys, qualified=True),
    )


def lock_first_pending(target: MarkedTable, keys: KeyRange) -> sql.Composed:
    """Lock a range's first pending row, and return its key.

    No row when none is pending.

    ROW SHARE on the table, FOR UPDATE on one row; waits, so it runs under a lock timeout.
    """
    return sql.SQL(
        "SELECT {key} FROM {table} WHERE {pending} ORDER BY {key} LIMIT 1 FOR UPDATE"
    ).format(
        table=sql.Identifier(target.table),
        pending=pending(target, keys),
        key=walk_key(target),
    )


def first_pending(target: MarkedTable, keys: KeyRange) -> sql.Composed:
    """Key, key as text, table and place of a range's first pending row.

    No row when none is pending.

    ACCESS SHARE; one entry of the partial index.
    """
    return sql.SQL(
        "SELECT {key}, {key}::text, tableoid::regclass::text, ctid::text FROM {table} "
        "WHERE {pending} ORDER BY {key} LIMIT 1"
    ).format(
        table=sql.Identifier(target.table),
        pending=pending(target, keys),
        key=walk_key(target, target.table),
    )


def first_pending_keys(target: MarkedTable, keys: KeyRange) -> sql.Composed:
    """The first 100 pending keys of a range, as text.

    ACCESS SHARE; the first entries of the partial index answer.
    """
    return sql.SQL(
        "SELECT {key}::text FROM {table} WHERE {pending} ORDER BY {key} LIMIT 100"
    ).format(
        table=sql.Identifier(target.table),
        pending=pending(target, keys),
        key=walk_key(target, target.table),
    )


def any_pending(target: MarkedTable, keys: KeyRange = EVERY_KEY) -> sql.Composed:
    """Test for a pending row in a range.

    ACCESS SHARE; one entry of the partial index answers.
    """
    return sql.SQL("SELECT EXISTS (SELECT FROM {table} WHERE {pending})").format(
        table=sql.Identifier(target.table), pending=pending(target, keys)
    )


def _free(target: MarkedTable, keys: KeyRange) -> sql.Composed:
    """The first ``batch_rows`` pending rows of a range that nobody else locks."""
    return sql.SQL(
        "{key} = ANY(ARRAY(SELECT {key} FROM {table} WHERE {pending} "
        "ORDER BY {walk_key} LIMIT %(batch_rows)s FOR UPDATE SKIP LOCKED"
        ")) AND {still_pending}"
    ).format(
        table=sql.Identifier(target.table),
        key=sql.Identifier(target.key_column),
        walk_key=walk_key(target),
        pending=pending(target, keys),
        still_pending=still_pending(target, keys),
    )


def _take_later_markers(
    target: MarkedTable, keys: KeyRange, rows: sql.Composable
) -> sql.Composable:
    """A statement that takes the markers away that are later than the clock, if there may be any.

    They may be among listed rows alone: other pending rows have none, or an earlier one.
    """
    if keys.listed is None or not keys.listed.markers:
        return sql.SQL("")
    marker = sql.Identifier(target.marker_column)
    return sql.SQL("UPDATE {table} SET {marker} = NULL WHERE {rows} AND {later}; ").format(
        table=sql.Identifier(target.table),
        marker=marker,
        rows=rows,
        later=is_later(marker),
    )


def set_columns(target: MarkedTable, keys: KeyRange, assigned: sql.Composable) -> sql.Composed:
    """The SET clause of an UPDATE: what is assigned, and the marker."""
    return sql.SQL("{assigned}, {marker} = {time}").format(
        assigned=assigned,
        marker=sql.Identifier(target.marker_column),
        time=new_marker(target, keys),
    )
