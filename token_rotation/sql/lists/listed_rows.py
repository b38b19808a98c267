"""SQL that looks up listed tokens and keys.

ACCESS SHARE on the table at most.

Values of a list go to the server as binary COPY data and in no other way. A server may log
statements and their parameters, but never COPY data.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import Target
from token_rotation.sql.counting import SHOWABLE
from token_rotation.sql.keys.walk import walk_key
from token_rotation.sql.pending import CLOCK, condition_of, pending, present, still_pending

ANALYZE = sql.SQL("ANALYZE pg_temp.rotation_listed")
COPY = sql.SQL("COPY pg_temp.rotation_listed FROM STDIN (FORMAT binary)")

ROOM_TO_JOIN = sql.SQL("SET LOCAL work_mem = '64MB'")
"""Join a million values with the whole table in memory, without temporary files."""

COMMIT_WITHOUT_A_WAIT = "SET LOCAL synchronous_commit = off; "
"""The transaction writes a temporary table only, and its COMMIT would wait for a standby."""


def create(value_type: str, *, writes: bool = False) -> sql.Composed:
    """Create the table of the list, until the transaction ends.

    No lock. ``writes``: the transaction writes other tables too, so its COMMIT waits as any.

    It names its schema, so that no search_path leads a list into a permanent table.
    """
    return sql.SQL(
        ("" if writes else COMMIT_WITHOUT_A_WAIT)
        + "CREATE TEMPORARY TABLE pg_temp.rotation_listed (value {type}) ON COMMIT DROP"
    ).format(type=sql.SQL(value_type))


def listed_rows(target: Target, column: str, column_type: str, *, is_indexed: bool) -> sql.Composed:
    """Key and marker of the listed rows to rotate.

    Both are text, in key order.

    ``column`` is the token's or the key's. A listed token that is still stored is leaked, whatever
    the row's marker says. A listed key names its row only while the row is pending. With a cut-off,
    a row whose marker is later than the server's clock counts as issued before it.
    """
    return sql.SQL(
        "SELECT key::text, marker::text FROM ({found}) AS found WHERE is_meant ORDER BY found.key"
    ).format(found=_found(target, column, column_type, is_indexed=is_indexed))


def count_listed_rows(
    target: Target, column: str, column_type: str, *, is_indexed: bool
) -> sql.Composed:
    """Count listed rows: all, to rotate, pending by the list.

    The last number counts rows that are pending only by the list.
    """
    return sql.SQL(
        "SELECT count(*), count(*) FILTER (WHERE is_meant), "
        "count(*) FILTER (WHERE is_meant AND NOT is_pending) FROM ({found}) AS found"
    ).format(found=_found(target, column, column_type, is_indexed=is_indexed))


def _found(target: Target, column: str, column_type: str, *, is_indexed: bool) -> sql.Composed:
    """Each listed row once, with what it means.

    Its columns are ``key``, ``marker``, ``is_meant`` and ``is_pending``.

    If an index finds what a line names, each line is a look-up of its own. The OFFSET makes
    PostgreSQL plan it alone, and for a single value nothing beats the index. In a join the planner
    may read the whole table. Before PostgreSQL 18, no setting keeps it from comparing every line
    with every row. All else about a row is computed, not a condition, lest the planner prefer
    another index.
    """
    statement = (
        "SELECT DISTINCT ON (found.key) found.* FROM pg_temp.rotation_listed CROSS JOIN LATERAL ("
        "SELECT {columns} FROM {table} WHERE {listed_column} = rotation_listed.value::{type} "
        "OFFSET 0) AS found"
        if is_indexed
        else "SELECT {columns} FROM {table} WHERE {listed_column} IN ("
        "SELECT value::{type} FROM pg_temp.rotation_listed)"
    )
    columns = sql.SQL(
        "{key} AS key, {marker} AS marker, ({meant}) AS is_meant, ({pending}) AS is_pending"
    ).format(
        key=walk_key(target, target.table),
        marker=sql.Identifier(target.marker_column),
        meant=_meant(target, column),
        pending=still_pending(target, EVERY_KEY, later_than=CLOCK),
    )
    return sql.SQL(statement).format(
        columns=columns,
        table=sql.Identifier(target.table),
        listed_column=sql.Identifier(target.table, column),
        type=sql.SQL(column_type),
    )


def _meant(target: Target, column: str) -> sql.Composed:
    selection = target.selection
    if column == target.key_column and not target.hides_keys:
        return still_pending(target, EVERY_KEY, later_than=CLOCK)
    terms = present(target)
    if selection.issued_before is not None:
        wrong = "{marker} > {clock}"
        if selection.asked_at is not None:
            # A list is older than its rotation: a marker from a later moment is wrong.
            wrong += " OR {marker} >= %(asked_at)s"
        issued = sql.SQL("coalesce({marker} < %(issued_before)s OR " + wrong + ", true)")
        terms.append(issued.format(marker=sql.Identifier(target.marker_column), clock=CLOCK))
    if selection.condition is not None:
        terms.append(condition_of(target))
    return sql.SQL(" AND ").join(terms or [sql.SQL("true")])


def lock(target: Target) -> sql.Composed:
    """Lock the table as any SELECT does: ACCESS SHARE."""
    return sql.SQL("LOCK TABLE {table} IN ACCESS SHARE MODE").format(
        table=sql.Identifier(target.table)
    )


def later_rows(target: Target) -> sql.Composed:
    """Open a cursor over the rows whose marker is ``read_at`` or later, in a transaction.

    Each row is key and marker as text, and the marker in UTC; NULL where Python cannot hold it.
    Only the selection's rows with a token. ACCESS SHARE until the transaction ends; a full scan.
    """
    marker = sql.Identifier(target.table, target.marker_column)
    terms: list[sql.Composable] = [sql.SQL("{} >= %(read_at)s").format(marker)]
    terms += present(target)
    if target.selection.condition is not None:
        terms.append(condition_of(target))
    return sql.SQL(
        "DECLARE rotation_later NO SCROLL CURSOR FOR SELECT {key}::text, {marker}::text, "
        "CASE WHEN {showable} THEN {marker} AT TIME ZONE 'UTC' END FROM {table} WHERE {later}"
    ).format(
        key=walk_key(target, target.table),
        marker=marker,
        showable=sql.SQL(SHOWABLE).format(marker=marker),
        table=sql.Identifier(target.table),
        later=sql.SQL(" AND ").join(terms),
    )


FETCH_LATER = sql.SQL("FETCH 1000 FROM rotation_later")


def still_later(target: MarkedTable, rows: KeyRange) -> sql.Composed:
    """Key and marker, as text, of those listed rows that are as they were.

    ``rows`` lists them. In key order.
    """
    return sql.SQL(
        "SELECT {key}::text, {marker}::text FROM {table} WHERE {listed} ORDER BY {key}"
    ).format(
        # With its table, else the text of the same name would be sorted.
        key=walk_key(target, target.table),
        marker=sql.Identifier(target.marker_column),
        table=sql.Identifier(target.table),
        listed=pending(target, rows),
    )


def count_reached(target: Target, rows: KeyRange) -> sql.Composed:
    """Count those listed rows, as they were, that only the list tells from fresh ones.

    ``rows`` lists rows whose marker was later than the server's clock. It is not any more.
    """
    return sql.SQL("SELECT count(*) FROM {table} WHERE {listed} AND NOT ({pending})").format(
        table=sql.Identifier(target.table),
        listed=pending(target, rows),
        pending=still_pending(target, EVERY_KEY, later_than=CLOCK),
    )
