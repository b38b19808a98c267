"""Measure the token's index."""

from __future__ import annotations

from token_rotation.inspection.storage import PAGE_BYTES, natural_index_bytes
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.target import Target
from token_rotation.sql.server import catalogue as catalogue_sql
from token_rotation.sql.server import storage as storage_sql

LOOK_AT_MOST_MS = 1000


def index_pages(connection: Connection, target: Target) -> int:
    """Return the pages of the token's largest index.

    Bloat does not count. 0 where the number is not known.

    It is not known where others lock the index, or where this role may not see sizes or whole rows.
    Only speed depends on it. Other driver errors pass through.
    """
    query = statements.bounded(storage_sql.token_indexes())
    values = {
        "table": target.table,
        "token": target.token_column,
        "lock_timeout_ms": LOOK_AT_MOST_MS,
    }
    try:
        if not connection.value(statements.bounded(catalogue_sql.may_read()), values):
            return 0
        indexes = connection.rows(query, values)
    except driver.Error as error:
        # FATAL without a right; REFUSED_ROW where somebody's function says no.
        if fault_of(error) in (Fault.LOCKED, Fault.FATAL, Fault.REFUSED_ROW):
            return 0
        raise
    return max((_pages(*index) for index in indexes), default=0)


def _pages(_: str, bytes_now: int | None, token_bytes: int | None, rows: int | None) -> int:
    if bytes_now is None or token_bytes is None or rows is None:  # dropped meanwhile; not analyzed
        return 0
    return min(int(bytes_now), natural_index_bytes(rows, token_bytes)) // PAGE_BYTES
