"""Measure what ``storage`` and ``advice`` judge."""

from __future__ import annotations

from token_rotation.inspection.advice import ServerState
from token_rotation.inspection.snapshots import SnapshotHolder, oldest_snapshot
from token_rotation.inspection.storage import IndexBloat, Storage, natural_index_bytes
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection, Row
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.target import Target
from token_rotation.sql.server import storage as storage_sql

LOOK_AT_MOST_MS = 1000
LONG_SECONDS = 60.0
MANY_TRANSACTIONS = 10_000


def measure_storage(connection: Connection, target: Target, *, rows: int | None = None) -> Storage:
    """Measure table and indexes.

    Everything is unknown if others keep the table locked. ``rows`` is the number of rows of the
    table; without it the server's estimate is used.
    """
    values = {"table": target.table, "token": target.token_column}
    try:
        sizes = _look(connection, storage_sql.storage(), values)
        indexes = _look(connection, storage_sql.token_indexes(), values)
    except driver.Error as error:
        if fault_of(error) in (Fault.TIMED_OUT, Fault.LOCKED):
            return Storage()
        raise
    leftovers = connection.rows(storage_sql.leftover_indexes(), values)
    table_bytes, index_bytes, dead_rows = sizes[0] if sizes else (None, None, None)
    return Storage(
        table_bytes,
        index_bytes,
        dead_rows,
        token_indexes=tuple(filter(None, (_bloat(index, rows) for index in indexes))),
        leftover_indexes=tuple(name for (name,) in leftovers),
    )


def measure_server(
    connection: Connection, target: Target, *, long_seconds: float = LONG_SECONDS
) -> ServerState:
    """Read the server's settings, checkpoints and oldest snapshot.

    A snapshot counts if it is older than ``long_seconds``. A replication slot has no such time: it
    counts if 10,000 transactions began since.
    """
    version = connection.value(storage_sql.server_version())
    holder = oldest_snapshot(connection, None)
    seen: Row = (
        *(connection.row(storage_sql.server_settings(), {"table": target.table}) or ()),
        *(connection.row(storage_sql.checkpoints(version)) or ()),
        str(holder) if holder and _is_old(holder, long_seconds) else None,
    )
    return ServerState(*seen)


def _look(connection: Connection, query: statements.Statement, values: dict[str, str]) -> list[Row]:
    bounded = statements.together(statements.LIMIT_LOOK, query)
    return connection.rows(bounded, {**values, "statement_timeout_ms": LOOK_AT_MOST_MS})


def _bloat(index: Row, rows: int | None) -> IndexBloat | None:
    name, bytes_now, token_bytes, estimated_rows = index
    rows = estimated_rows if rows is None else rows
    if rows is None or token_bytes is None:
        return None
    return IndexBloat(name, bytes_now, natural_index_bytes(rows, token_bytes))


def _is_old(holder: SnapshotHolder, long_seconds: float) -> bool:
    if holder.seconds is None:
        return holder.transactions >= MANY_TRANSACTIONS
    return holder.seconds >= long_seconds
