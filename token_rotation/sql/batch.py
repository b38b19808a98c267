"""Every SQL text of a batch, one builder a statement.

A builder takes a target (and which bounds are in play) and returns a ``psycopg2.sql.Composed``;
identifiers are quoted, values stay named parameters for the caller: among them those of
``selection_sql.values_of`` wherever rows are pending. Each docstring names the lock that the
statement takes on the target's table.
"""

from __future__ import annotations

from psycopg2 import sql

from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.target import Target
from token_rotation.sql.pending import new_marker, pending, still_pending
from token_rotation.tokens.sources import SqlTokens

KEEP_TOKENS = sql.SQL("SELECT set_config('token_rotation.tokens', %(tokens)s, true) IS NULL")
"""For the statements of this transaction; ``tokens`` is an array in its text form. The server may
log the text of a statement that fails, and this one does not fail where an UPDATE may."""


_SLICED_UUID = sql.SQL(
    "overlay(overlay(encode(set_bit(set_bit(substr(sha256("
    "(SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) || "
    "oidsend({table}.tableoid) || tidsend({table}.ctid)"
    "), 1, 16), 71, 1), 70, 0), 'hex') PLACING '4' FROM 13) PLACING %(token_prefix)s FROM 1)::uuid"
)
"""A UUID of version 4 that begins with ``token_prefix``. The rest is a hash of 244 random bits,
made once a statement and known to nobody, and of the row's place, which no other row has then.
The two bits are the variant's, the 4 is the version. Each random UUID costs the server a system
call or more; a hash costs less."""


def _table(target: Target) -> sql.Identifier:
    return sql.Identifier(target.table)


def _rotated_columns(target: Target, keys: KeyRange, *, sliced: bool) -> sql.Composed:
    source = target.token_source
    if not isinstance(source, SqlTokens):
        raise TypeError(f"the tokens of {target.label} are not made in SQL")
    if sliced:
        return _rotated_to(target, keys, _SLICED_UUID.format(table=_table(target)))
    return _rotated_to(target, keys, sql.SQL(source.expression.replace("%", "%%")))


def _rotated_to(target: Target, keys: KeyRange, token: sql.Composable) -> sql.Composed:
    return sql.SQL("{column} = {token}, {marker} = {time}").format(
        column=sql.Identifier(target.token_column),
        token=token,
        marker=sql.Identifier(target.marker_column),
        time=new_marker(target, keys),
    )


def batch_upper_key(target: Target, keys: KeyRange) -> sql.Composed:
    """The last of the next ``batch_rows`` pending keys; no row when none is pending.

    ACCESS SHARE. An index-only scan of the partial index. Works for any ordered key type: there
    is no max() for uuid before PostgreSQL 18.
    """
    return sql.SQL(
        "SELECT {key} FROM ("
        "SELECT {key} FROM {table} WHERE {pending} ORDER BY {key} LIMIT %(batch_rows)s"
        ") AS batch ORDER BY {key} DESC LIMIT 1"
    ).format(
        key=sql.Identifier(target.key_column),
        table=_table(target),
        pending=pending(target, keys),
    )


def batch_upper_keys(target: Target, keys: KeyRange) -> sql.Composed:
    """The upper keys of the next batches of ``batch_rows`` rows, over ``ahead_rows`` pending keys.

    ACCESS SHARE. One index-only scan of the partial index. The last batch may be smaller.
    """
    return sql.SQL(
        "SELECT {key} FROM ("
        "SELECT {key}, row_number() OVER (ORDER BY {key}) AS place, count(*) OVER () AS places "
        "FROM (SELECT {key} FROM {table} WHERE {pending} ORDER BY {key} LIMIT %(ahead_rows)s) "
        "AS ahead"
        ") AS batch WHERE place %% %(batch_rows)s = 0 OR place = places ORDER BY {key}"
    ).format(
        key=sql.Identifier(target.key_column),
        table=_table(target),
        pending=pending(target, keys),
    )


def range_upper_keys(target: Target) -> sql.Composed:
    """Every ``range_rows``-th of the first ``ahead_rows`` pending keys, as text.

    ACCESS SHARE. One index-only scan of the partial index. A key's text, sent back as a literal
    without a type, is the key again, whatever its type; and any JSON can hold it.
    """
    return sql.SQL(
        "SELECT {key}::text FROM ("
        "SELECT {key}, row_number() OVER (ORDER BY {key}) AS place "
        "FROM (SELECT {key} FROM {table} WHERE {pending} ORDER BY {key} LIMIT %(ahead_rows)s) "
        "AS ahead"
        ") AS numbered WHERE place %% %(range_rows)s = 0 ORDER BY place"
    ).format(
        key=sql.Identifier(target.key_column),
        table=_table(target),
        pending=pending(target, EVERY_KEY),
    )


def rotate_range(target: Target, keys: KeyRange, *, sliced: bool = False) -> sql.Composed:
    """Rotate every pending row of a range; ``sliced`` UUIDs begin with ``token_prefix``.

    ROW EXCLUSIVE on the table, FOR UPDATE on each row; waits for rows locked by others, so it
    runs under a lock timeout.
    """
    return sql.SQL("UPDATE {table} SET {rotated} WHERE {pending}").format(
        table=_table(target),
        rotated=_rotated_columns(target, keys, sliced=sliced),
        pending=pending(target, keys),
    )


def rotate_free_rows(target: Target, keys: KeyRange, *, sliced: bool = False) -> sql.Composed:
    """The same for at most ``batch_rows`` pending rows of a range, passing over locked ones.

    ROW EXCLUSIVE on the table, FOR UPDATE on each row, never a wait. FOR UPDATE and not FOR NO KEY
    UPDATE: the token stands in a unique index, so the UPDATE conflicts even with the FOR KEY SHARE
    of a foreign-key check and would wait for it. ``= ANY(ARRAY(...))`` and not a join: the planner
    then looks each key up in the primary key, whatever the statistics say.
    """
    return sql.SQL(
        "UPDATE {table} SET {rotated} WHERE {key} = ANY(ARRAY("
        "SELECT {key} FROM {table} WHERE {pending} "
        "ORDER BY {key} LIMIT %(batch_rows)s FOR UPDATE SKIP LOCKED"
        ")) AND {still_pending}"
    ).format(
        table=_table(target),
        rotated=_rotated_columns(target, keys, sliced=sliced),
        key=sql.Identifier(target.key_column),
        pending=pending(target, keys),
        still_pending=still_pending(target, keys),
    )


def rotate_free_rows_with_tokens(target: Target, keys: KeyRange, token_type: str) -> sql.Composed:
    """Rotate at most ``batch_rows`` pending rows of a range to the tokens that KEEP_TOKENS left.

    ROW EXCLUSIVE on the table, FOR UPDATE on each row, never a wait. The n-th free row gets the
    n-th token; keys never leave the server, so they may be of any type. The range bounds the scan
    of both sides, whatever the statistics say. ``token_type`` is what ``column_type`` answered.
    """
    return sql.SQL(
        "WITH free AS MATERIALIZED ("
        "SELECT key, row_number() OVER () AS place FROM ("
        "SELECT {key} FROM {table} WHERE {pending} "
        "ORDER BY {key} LIMIT %(batch_rows)s FOR UPDATE SKIP LOCKED"
        ") AS locked (key)), made AS ("
        "SELECT token, place FROM unnest(current_setting('token_rotation.tokens')::{type}[]) "
        "WITH ORDINALITY AS made (token, place)) "
        "UPDATE {table} SET {rotated} FROM free JOIN made USING (place) "
        "WHERE {stored_key} = free.key AND {stored_pending}"
    ).format(
        table=_table(target),
        key=sql.Identifier(target.key_column),
        pending=pending(target, keys),
        type=sql.SQL(token_type),
        rotated=_rotated_to(target, keys, sql.SQL("made.token")),
        stored_key=sql.Identifier(target.table, target.key_column),
        stored_pending=pending(target, keys, qualified=True),
    )


def lock_first_pending(target: Target, keys: KeyRange) -> sql.Composed:
    """Wait for the first pending row of a range, and hold it: its key; no row when none is pending.

    ROW SHARE on the table, FOR UPDATE on one row; waits, so it runs under a lock timeout.
    """
    return sql.SQL(
        "SELECT {key} FROM {table} WHERE {pending} ORDER BY {key} LIMIT 1 FOR UPDATE"
    ).format(
        table=_table(target),
        pending=pending(target, keys),
        key=sql.Identifier(target.key_column),
    )


def any_pending(target: Target, keys: KeyRange = EVERY_KEY) -> sql.Composed:
    """Whether a range has a pending row. ACCESS SHARE; one entry of the partial index answers."""
    return sql.SQL("SELECT EXISTS (SELECT FROM {table} WHERE {pending})").format(
        table=_table(target), pending=pending(target, keys)
    )
