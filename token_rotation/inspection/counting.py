"""Count rows and pending rows; estimate when that is slow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from token_rotation.inspection.indexes import read_indexes
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection, Row, Values
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql import batch as batch_sql
from token_rotation.sql import counting as counting_sql
from token_rotation.sql.pending import values_of

COUNT_AT_MOST_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class PendingCount:
    """Number of pending rows, exact unless ``is_estimate``.

    0 only if nothing is pending. With a cut-off, rows whose marker is later than the server's clock
    count too, as ``later_rows`` among the others: nobody knows when their tokens were issued.
    """

    rows: int
    is_estimate: bool
    later_rows: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of the table at one instant.

    The times are None if unknown, or if no row is rotated. ``later_rows`` have a token and a marker
    that is later than the server's clock; None if unknown.
    """

    total_rows: int
    total_is_estimate: bool
    pending: PendingCount
    first_rotated_at: datetime | None
    last_rotated_at: datetime | None
    later_rows: int | None = None


def count_pending(
    connection: Connection,
    target: MarkedTable,
    *,
    at_most_seconds: float | None = COUNT_AT_MOST_SECONDS,
) -> PendingCount:
    """Count pending rows, or estimate them.

    It returns an estimate after ``at_most_seconds`` (None: no bound).

    If no index holds exactly the pending rows of the selection, an estimate may be above 0 although
    nothing is pending. Driver errors pass through, here and below.
    """
    selection = target.selection
    if not selection.is_indexed:
        return _count_unindexed(connection, target, at_most_seconds)
    look = statements.together(
        statements.WITHOUT_A_LIMIT, statements.AVOID_FULL_SCANS, batch_sql.any_pending(target)
    )
    if not connection.value(look):
        return PendingCount(0, is_estimate=False)
    query = counting_sql.count_pending(target, EVERY_KEY)
    row = _count(connection, query, at_most_seconds, settings=(statements.AVOID_FULL_SCANS,))
    if row is not None:
        return PendingCount(int(row[0]), is_estimate=False)
    total, pending = _estimates(connection, target)
    return PendingCount(max(1, total if pending is None else pending), is_estimate=True)


def _count_unindexed(
    connection: Connection, target: MarkedTable, at_most_seconds: float | None
) -> PendingCount:
    values = values_of(target, EVERY_KEY)
    query = counting_sql.count_left(target)
    row = _count(connection, query, at_most_seconds, values=values)
    if row is not None:
        rows, later_rows = row
        has_cut_off = target.selection.issued_before is not None
        return PendingCount(rows, is_estimate=False, later_rows=later_rows if has_cut_off else 0)
    (plan,) = connection.value(counting_sql.explain_pending(target), values)
    return PendingCount(max(1, int(plan["Plan"]["Plan Rows"])), is_estimate=True)


def pending_rows_of(connection: Connection, target: MarkedTable, keys: KeyRange) -> int:
    """Count the pending rows of a range exactly.

    That may take any length of time.
    """
    count = counting_sql.count_pending(target, keys)
    query = statements.together(statements.WITHOUT_A_LIMIT, statements.AVOID_FULL_SCANS, count)
    return int(connection.value(query, values_of(target, keys)))


def estimate_rows(
    connection: Connection, target: MarkedTable, *, at_most_seconds: float = COUNT_AT_MOST_SECONDS
) -> Counts:
    """Estimate the total; count what is pending, or estimate it after ``at_most_seconds``."""
    pending = count_pending(connection, target, at_most_seconds=at_most_seconds)
    total, _ = _estimates(connection, target)
    return Counts(max(total, pending.rows), True, pending, None, None)


def estimated_rows(connection: Connection, target: MarkedTable) -> int:
    """Return the server's last estimate of the table's rows.

    0 if there is none. Costs nothing.
    """
    return _estimates(connection, target)[0]


def _count(
    connection: Connection,
    query: statements.Statement,
    at_most_seconds: float | None,
    *,
    values: Values | None = None,
    settings: tuple[statements.Statement, ...] = (),
) -> Row | None:
    """Return the row; None if the statement took too long."""
    timeout_ms = 0 if at_most_seconds is None else max(1, int(at_most_seconds * 1000))
    try:
        bounded = statements.together(statements.LIMIT_LOOK, *settings, query)
        return connection.row(bounded, {**(values or {}), "statement_timeout_ms": timeout_ms})
    except driver.Error as error:
        if at_most_seconds is not None and fault_of(error) is Fault.TIMED_OUT:
            return None
        raise


def _estimates(connection: Connection, target: MarkedTable) -> tuple[int, int | None]:
    _, index = read_indexes(connection, target)["pending"]
    values = {"table": target.table, "index": index}
    total, pending = connection.row(counting_sql.estimate_rows(), values) or (None, None)
    return total or 0, pending
