"""Count rows, or estimate their number.

ACCESS SHARE on the table at most.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql.pending import CLOCK, is_later, later, pending

SHOWABLE = "{marker} BETWEEN '0001-01-02' AND '9999-12-30'"
"""Python has no other times: none before Christ, and none without end."""


def count_pending(target: MarkedTable, keys: KeyRange, *, with_later: bool = False) -> sql.Composed:
    """Count the pending rows of a range.

    Costs what is left, not what is done. With a cut-off, ``with_later`` counts also the rows whose
    marker is later than the server's clock.
    """
    return sql.SQL("SELECT count(*) FROM {table} WHERE {pending}").format(
        table=sql.Identifier(target.table),
        pending=pending(target, keys, later_than=CLOCK if with_later else None),
    )


def count_left(target: MarkedTable) -> sql.Composed:
    """Count the rows that keep a selection from being complete.

    With a cut-off, rows whose marker is later than the server's clock do, too: the second number is
    theirs.
    """
    return sql.SQL(
        "SELECT count(*), count(*) FILTER (WHERE {later}) FROM {table} WHERE {pending}"
    ).format(
        table=sql.Identifier(target.table),
        later=is_later(sql.Identifier(target.marker_column)),
        pending=pending(target, EVERY_KEY, later_than=CLOCK),
    )


def any_later(target: MarkedTable) -> sql.Composed:
    """Test for a row of the selection whose marker is later than the server's clock.

    Reads the whole table where there is none.
    """
    return sql.SQL("SELECT EXISTS (SELECT FROM {table} WHERE {later})").format(
        table=sql.Identifier(target.table), later=later(target)
    )


def explain_pending(target: MarkedTable) -> sql.Composed:
    """The planner's estimate of the pending rows, as JSON.

    Reads no rows.
    """
    return sql.SQL("EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE {pending}").format(
        table=sql.Identifier(target.table), pending=pending(target, EVERY_KEY, for_planner=True)
    )


def estimate_rows() -> sql.SQL:
    """The rows of the table and its pending index, estimated.

    They stem from the last VACUUM or ANALYZE.

    CREATE INDEX counts, too. Takes ``table`` and ``index``. NULL if nothing was counted yet. No
    lock.
    """
    return sql.SQL(
        "SELECT CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END, "
        "(SELECT i.reltuples::bigint FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid "
        "WHERE x.indrelid = c.oid AND x.indisvalid AND i.reltuples >= 0 "
        "AND i.relname = %(index)s) "
        "FROM pg_class c WHERE c.oid = to_regclass(quote_ident(%(table)s))"
    )
