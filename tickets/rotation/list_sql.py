"""Every SQL text about listed tokens and keys.

Values of a list go to the server as binary COPY data and in no other way: a server logs statements
and their parameters, also those of failing ones, but never that.
"""

from __future__ import annotations

from psycopg2 import sql

from tickets.rotation.key_range import EVERY_KEY
from tickets.rotation.selection_sql import condition_of, still_pending
from tickets.rotation.target import Target

ANALYZE = sql.SQL("ANALYZE pg_temp.rotation_listed")
COPY = sql.SQL("COPY pg_temp.rotation_listed FROM STDIN (FORMAT binary)")

LOOK_EACH_UP = sql.SQL(
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; "
    "SET LOCAL enable_seqscan = off"
)
"""Each value in the index of its column. A planner that believes its statistics would rather read
a whole table than look 10,000 values up, for every 10,000 of a list."""


ROOM_TO_JOIN = sql.SQL("SET LOCAL work_mem = '64MB'")
"""A million values meet the whole table in memory instead of in temporary files."""


def create(value_type: str) -> sql.Composed:
    """The list's place until the end of the transaction. No lock.

    Its schema is always named: no search_path leads a list into a table that stays.
    """
    return sql.SQL(
        "CREATE TEMPORARY TABLE pg_temp.rotation_listed (value {type}) ON COMMIT DROP"
    ).format(type=sql.SQL(value_type))


def listed_rows(target: Target, column: str, column_type: str) -> sql.Composed:
    """Key and marker, as text, of the rows that are listed and meant, in key order. ACCESS SHARE.

    ``column`` is the token's or the key's. A listed token that is still stored is leaked, whatever
    the row's marker says; a listed key means its row only where it is pending.
    """
    return sql.SQL(
        "SELECT {key}::text, {marker}::text FROM {table} WHERE {listed} ORDER BY {key}"
    ).format(
        key=sql.Identifier(target.table, target.key_column),
        marker=sql.Identifier(target.marker_column),
        table=sql.Identifier(target.table),
        listed=_listed(target, column, column_type),
    )


def count_listed_rows(target: Target, column: str, column_type: str) -> sql.Composed:
    """Of the rows that are listed: all, those that are meant, those meant that would not be pending
    without the list. ACCESS SHARE.
    """
    return sql.SQL(
        "SELECT count(*), count(*) FILTER (WHERE {meant}), "
        "count(*) FILTER (WHERE {meant} AND NOT ({pending})) FROM {table} WHERE {listed}"
    ).format(
        meant=_meant(target, column),
        pending=still_pending(target, EVERY_KEY),
        table=sql.Identifier(target.table),
        listed=_is_listed(target, column, column_type),
    )


def _listed(target: Target, column: str, column_type: str) -> sql.Composed:
    terms = [_is_listed(target, column, column_type), _meant(target, column)]
    return sql.SQL(" AND ").join(terms)


def _is_listed(target: Target, column: str, column_type: str) -> sql.Composed:
    return sql.SQL("{column} IN (SELECT value::{type} FROM pg_temp.rotation_listed)").format(
        column=sql.Identifier(target.table, column), type=sql.SQL(column_type)
    )


def _meant(target: Target, column: str) -> sql.Composed:
    selection = target.selection
    if column == target.key_column or selection.issued_before is not None:
        return still_pending(target, EVERY_KEY)
    if selection.condition is not None:
        return condition_of(target)
    return sql.Composed([sql.SQL("true")])


def count_valid(target: Target, token_type: str) -> sql.Composed:
    """How many of the listed tokens, each line once, are stored. ACCESS SHARE."""
    return sql.SQL(
        "SELECT count(*) FROM pg_temp.rotation_listed AS listed WHERE EXISTS ("
        "SELECT FROM {table} AS stored WHERE {token} = listed.value::{type})"
    ).format(
        table=sql.Identifier(target.table),
        token=sql.Identifier("stored", target.token_column),
        type=sql.SQL(token_type),
    )


def count_valid_hashes(target: Target) -> sql.Composed:
    """How many of the listed SHA-256, each line once, are those of stored tokens.

    ACCESS SHARE; one scan of the table. A token's SHA-256 is that of its text in UTF-8, as
    PostgreSQL writes it: a UUID in lower case with hyphens.
    """
    return sql.SQL(
        "SELECT count(*) FROM pg_temp.rotation_listed WHERE value IN ("
        "SELECT sha256(convert_to({token}::text, 'UTF8')) FROM {table})"
    ).format(token=sql.Identifier(target.token_column), table=sql.Identifier(target.table))
