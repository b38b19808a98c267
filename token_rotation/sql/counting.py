"""Count rows, or estimate their number.

ACCESS SHARE on the table at most.
"""

from __future__ import annotations

from psycopg2 import sql

from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.target import Target
from token_rotation.sql.pending import pending


def count_pending(target: Target, keys: KeyRange) -> sql.Composed:
    """Count the pending rows of a range.

    Costs what is left, not what is done.
    """
    return sql.SQL("SELECT count(*) FROM {table} WHERE {pending}").format(
        table=sql.Identifier(target.table), pending=pending(target, keys)
    )


def explain_pending(target: Target) -> sql.Composed:
    """The planner's estimate of the pending rows, as JSON.

    Reads no rows.
    """
    return sql.SQL("EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE {pending}").format(
        table=sql.Identifier(target.table), pending=pending(target, EVERY_KEY, for_planner=True)
    )


def estimate_rows() -> sql.SQL:
    """The rows of the table and its pending index, estimated.

    They stem from the last VACUUM or ANALYZE.

    CREATE INDEX counts, too. Takes ``table`` and ``marker``. NULL if nothing was counted yet. No
    lock.
    """
    return sql.SQL(
        "SELECT CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END, "
        "(SELECT min(i.reltuples)::bigint FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid "
        "WHERE x.indrelid = c.oid AND x.indisvalid AND i.reltuples >= 0 "
        "AND pg_get_expr(x.indpred, x.indrelid) = '(' || quote_ident(%(marker)s) || ' IS NULL)') "
        "FROM pg_class c WHERE c.oid = to_regclass(quote_ident(%(table)s))"
    )
