"""SQL that finds and rotates the rows of reported tokens.

The tokens are the temporary table of ``sql.lists``: no statement holds one. In a second temporary
table are the keys of the rows that this transaction has locked, so no key leaves the server for it.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.target import Target
from token_rotation.sql.pending import is_later, present
from token_rotation.sql.rows import answer_of, rotated
from token_rotation.triggers.retired_sql import TABLE as RETIRED

ANALYZE_HELD = sql.SQL("ANALYZE pg_temp.rotation_held")


def stored(target: Target, token_type: str) -> sql.Composed:
    """The listed tokens that a row holds, each once.

    ACCESS SHARE. With a unique token each line is one look-up in its index; otherwise the table is
    read once.
    """
    statement = (
        "SELECT DISTINCT listed.value FROM pg_temp.rotation_listed AS listed CROSS JOIN LATERAL ("
        "SELECT FROM {table} AS stored WHERE {token} = listed.value::{type}{present} LIMIT 1"
        ") AS found"
        if target.token_is_unique
        else "SELECT DISTINCT listed.value FROM pg_temp.rotation_listed AS listed "
        "WHERE listed.value::{type} IN (SELECT {token} FROM {table} AS stored WHERE true{present})"
    )
    return sql.SQL(statement).format(
        table=sql.Identifier(target.table),
        token=_token(target),
        type=sql.SQL(token_type),
        present=_present(target),
    )


def stored_keys(target: Target, token_type: str) -> sql.Composed:
    """The keys, as text, of at most ``rows_at_most`` rows that hold a listed token.

    ACCESS SHARE. The rows are found as by ``hold``.
    """
    return sql.SQL(
        "SELECT {key}::text FROM {table} AS stored WHERE {wanted} LIMIT %(rows_at_most)s"
    ).format(
        key=sql.Identifier("stored", target.key_column),
        table=sql.Identifier(target.table),
        wanted=_wanted(target, token_type),
    )


def hold(target: Target, token_type: str) -> sql.Composed:
    """Lock at most ``rows_at_most`` rows that hold a listed token; keep their keys.

    ROW SHARE on the table, FOR UPDATE on each row, never a wait: rows that others have locked are
    left out. A row that got another token meanwhile is left out, too. With a unique token, ``=
    ANY(ARRAY(...))``: the planner then looks the tokens up in its index, whatever the statistics
    say. Otherwise it must join, since a full scan would compare each row with each token.
    """
    return sql.SQL(
        "CREATE TEMPORARY TABLE pg_temp.rotation_held ON COMMIT DROP AS "
        "SELECT key, row_number() OVER () AS place FROM ("
        "SELECT {key} AS key FROM {table} AS stored WHERE {wanted} "
        "LIMIT %(rows_at_most)s FOR UPDATE OF stored SKIP LOCKED) AS locked"
    ).format(
        key=sql.Identifier("stored", target.key_column),
        table=sql.Identifier(target.table),
        wanted=_wanted(target, token_type),
    )


def take_later_markers(target: Target) -> sql.Composed:
    """Take the markers of held rows away that are later than the server's clock.

    The guard would take no marker of now for a rotation. Locks as ``rotate_held``.
    """
    return sql.SQL("UPDATE {table} AS stored SET {marker} = NULL WHERE {held} AND {later}").format(
        table=sql.Identifier(target.table),
        marker=sql.Identifier(target.marker_column),
        held=_held(target),
        later=is_later(sql.Identifier("stored", target.marker_column)),
    )


def rotate_held(target: Target, token: sql.Composable) -> sql.Composed:
    """Rotate the held rows; answer with the key of each, and if the change stuck.

    ROW EXCLUSIVE on the table, FOR UPDATE on each row, which the transaction has already. ``token``
    is evaluated for each row.
    """
    return sql.SQL("UPDATE {table} AS stored SET {rotated} WHERE {held} {answer}").format(
        table=sql.Identifier(target.table),
        rotated=rotated(target, token),
        held=_held(target),
        answer=answer_of(target),
    )


def rotate_held_with_tokens(target: Target, token_type: str) -> sql.Composed:
    """Do as ``rotate_held``: the n-th row gets the n-th of the tokens that KEEP_TOKENS left."""
    return sql.SQL(
        "UPDATE {table} AS stored SET {rotated} FROM pg_temp.rotation_held AS held JOIN "
        "unnest(current_setting('token_rotation.tokens')::{type}[]) "
        "WITH ORDINALITY AS made (token, place) USING (place) "
        "WHERE {key} = held.key AND {held} {answer}"
    ).format(
        table=sql.Identifier(target.table),
        rotated=rotated(target, sql.SQL("made.token")),
        type=sql.SQL(token_type),
        key=sql.Identifier("stored", target.key_column),
        held=_held(target),
        answer=answer_of(target),
    )


def retired() -> sql.Composed:
    """The listed tokens that were replaced, each a look-up in the primary key of the hashes.

    ACCESS SHARE on the table of hashes.
    """
    return sql.SQL(
        "SELECT DISTINCT listed.value FROM pg_temp.rotation_listed AS listed CROSS JOIN LATERAL ("
        "SELECT FROM {table} WHERE hash = sha256(convert_to(listed.value, 'UTF8')) LIMIT 1"
        ") AS found"
    ).format(table=sql.Identifier(RETIRED))


def _wanted(target: Target, token_type: str) -> sql.Composed:
    """The row holds a listed token."""
    listed: sql.Composable = sql.SQL("SELECT value::{type} FROM pg_temp.rotation_listed").format(
        type=sql.SQL(token_type)
    )
    if target.token_is_unique:
        listed = sql.SQL("ARRAY({})").format(listed)
    return sql.SQL("{token} = ANY({listed}){present}").format(
        token=_token(target), listed=listed, present=_present(target)
    )


def _held(target: Target) -> sql.Composed:
    """The rows that ``hold`` has locked, each by the primary key, whatever the statistics say."""
    return sql.SQL("{key} = ANY(ARRAY(SELECT key FROM pg_temp.rotation_held))").format(
        key=sql.Identifier("stored", target.key_column)
    )


def _token(target: Target) -> sql.Identifier:
    return sql.Identifier("stored", target.token_column)


def _present(target: Target) -> sql.Composed:
    return sql.Composed([sql.SQL(" AND {}").format(each) for each in present(target, "stored")])
