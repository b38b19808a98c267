"""The SQL of retired tokens."""

from __future__ import annotations

from psycopg2 import sql

from token_rotation.selection.target import Target
from token_rotation.triggers.retired import TABLE


def count_still_valid(target: Target) -> sql.Composed:
    """How many rows have a token that was retired. ACCESS SHARE on both tables, read once each."""
    return sql.SQL(
        "SELECT count(*) FROM {table} AS stored JOIN {retired} AS retired "
        "ON retired.hash = sha256(convert_to({token}::text, 'UTF8'))"
    ).format(
        table=sql.Identifier(target.table),
        retired=sql.Identifier(TABLE),
        token=sql.Identifier("stored", target.token_column),
    )


def pages() -> sql.Composed:
    """How many pages the table of hashes has; NULL where there is no such table. No lock."""
    return sql.SQL(
        "SELECT pg_relation_size(to_regclass({table})) / current_setting('block_size')::bigint"
    ).format(table=sql.Literal(TABLE))


def delete_old() -> sql.Composed:
    """Delete what was retired more than ``days`` ago and stands in the pages ``first`` to ``end``.

    Takes both as row addresses, "(page,0)"; ``end`` is not one of them. ROW EXCLUSIVE, FOR UPDATE
    on the rows deleted. One reading of those pages, whatever is in them: no index is needed, and
    none slows the rotation.
    """
    return sql.SQL(
        "DELETE FROM {table} WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid "
        "AND retired_at < clock_timestamp() - make_interval(days => %(days)s)"
    ).format(table=sql.Identifier(TABLE))
