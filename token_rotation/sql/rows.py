"""SQL that rotates chosen rows, and finds changed ones.

It finds which rows a rotation changed.

The UPDATEs take ROW EXCLUSIVE on the table, and FOR UPDATE on each row.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import Target
from token_rotation.sql.pending import is_later, present


def rotate_keys(target: Target, key_type: str, token: sql.Composable) -> sql.Composed:
    """Rotate the rows with the array ``keys``, pending or not.

    The array holds the rows' keys.

    Answers with the key of each row that changed, and if the change stuck. A trigger or a rule of
    somebody else may undo it.

    A row without a token gets none. ``take_later_markers`` comes before, in the same transaction.

    ROW EXCLUSIVE on the table, FOR UPDATE on each row. ``key_type`` is the key's type in SQL;
    ``token`` is evaluated for each row.
    """
    return sql.SQL(
        "UPDATE {table} AS stored SET {rotated} "
        "WHERE {key} = ANY(%(keys)s::{key_type}[]){present} {answer}"
    ).format(
        table=sql.Identifier(target.table),
        rotated=rotated(target, token),
        key=_key(target),
        key_type=sql.SQL(key_type),
        present=_present(target),
        answer=answer_of(target),
    )


def take_later_markers(target: Target, key_type: str) -> sql.Composed:
    """Take the markers of rows away that are later than the server's clock.

    The guard would take no marker of now for a rotation. Locks as ``rotate_keys``.
    """
    return sql.SQL(
        "UPDATE {table} AS stored SET {marker} = NULL "
        "WHERE {key} = ANY(%(keys)s::{key_type}[]) AND {later}{present}"
    ).format(
        table=sql.Identifier(target.table),
        marker=sql.Identifier(target.marker_column),
        key=_key(target),
        key_type=sql.SQL(key_type),
        later=is_later(sql.Identifier("stored", target.marker_column)),
        present=_present(target),
    )


def rotate_keys_with_tokens(target: Target, key_type: str, token_type: str) -> sql.Composed:
    """Rotate the rows to tokens made in Python.

    The n-th row gets the n-th of the tokens that KEEP_TOKENS left. The rest is as in
    ``rotate_keys``.

    ``token_type`` is what ``column_type`` answered: an assignment refuses a token that is too long.
    """
    return sql.SQL(
        "UPDATE {table} AS stored SET {rotated} FROM unnest("
        "%(keys)s::{key_type}[], current_setting('token_rotation.tokens')::{token_type}[]"
        ") AS made (key, token) WHERE {key} = made.key{present} {answer}"
    ).format(
        table=sql.Identifier(target.table),
        rotated=rotated(target, sql.SQL("made.token")),
        key=_key(target),
        key_type=sql.SQL(key_type),
        token_type=sql.SQL(token_type),
        present=_present(target),
        answer=answer_of(target),
    )


def returning_keys(target: MarkedTable, update: sql.Composable) -> sql.Composed:
    """An UPDATE of the target's table that returns changed keys.

    They are primary keys.
    """
    return sql.SQL("{update} RETURNING {key}").format(
        update=update, key=sql.Identifier(target.table, target.key_column)
    )


def overwritten(target: Target, key_type: str, token_type: str) -> sql.Composed:
    """Test if one of the rows ``keys`` holds none of the kept tokens.

    A row that is pending does not count. The tokens are those of KEEP_TOKENS, or of ``keep_made``.

    ACCESS SHARE; looks each key up in the primary key.
    """
    return sql.SQL(
        "SELECT EXISTS (SELECT FROM {table} WHERE {key} = ANY(%(keys)s::{key_type}[]) "
        "AND {marker} IS NOT NULL AND ({token} = ANY(SELECT unnest("
        "current_setting('token_rotation.tokens')::{token_type}[]))) IS NOT TRUE)"
    ).format(
        table=sql.Identifier(target.table),
        key=sql.Identifier(target.key_column),
        key_type=sql.SQL(key_type),
        marker=sql.Identifier(target.marker_column),
        token=sql.Identifier(target.token_column),
        token_type=sql.SQL(token_type),
    )


def rotated_since(target: Target, *, from_the_start: bool) -> sql.Composed:
    """The next ``chunk_rows`` keys, and if they were issued lately.

    The keys lie above ``after``. For each, tells if it was issued ``since`` or later.

    ACCESS SHARE. Reads a bounded range of the primary key, however few rows match.
    """
    return sql.SQL(
        "SELECT {key}, coalesce({marker} >= %(since)s, false) FROM {table} WHERE {above} "
        "ORDER BY {key} LIMIT %(chunk_rows)s"
    ).format(
        key=sql.Identifier(target.key_column),
        marker=sql.Identifier(target.marker_column),
        table=sql.Identifier(target.table),
        above=sql.SQL("true")
        if from_the_start
        else sql.SQL("{} > %(after)s").format(sql.Identifier(target.key_column)),
    )


def rotated(target: Target, token: sql.Composable) -> sql.Composed:
    """The assignments of a rotation of the row ``stored``."""
    # The guard demands a later marker than the stored one. So even if the clock went back, or twice
    # in one microsecond, the marker must grow.
    return sql.SQL(
        "{token_column} = {token}, "
        "{marker} = greatest(clock_timestamp(), {stored_marker} + interval '1 microsecond')"
    ).format(
        token_column=sql.Identifier(target.token_column),
        token=token,
        marker=sql.Identifier(target.marker_column),
        stored_marker=sql.Identifier("stored", target.marker_column),
    )


def _present(target: Target) -> sql.Composed:
    terms = present(target, "stored")
    return sql.Composed([sql.SQL(" AND {}").format(term) for term in terms])


def _key(target: Target) -> sql.Identifier:
    return sql.Identifier("stored", target.key_column)


def answer_of(target: Target) -> sql.Composed:
    """Return the key of each row ``stored`` that changed, and if the change stuck."""
    return sql.SQL("RETURNING {key}, coalesce({marker} >= statement_timestamp(), false)").format(
        key=_key(target), marker=sql.Identifier("stored", target.marker_column)
    )
