"""Who locks whole tables now, in words for the person who waits."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.postgres import driver
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.driver import sql
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault

MOST_SHOWN = 3
"""Sessions, and tables of each."""

TABLE_LOCKS = sql.SQL(
    "WITH locked AS (SELECT relation, pid, granted, mode FROM pg_locks "
    "WHERE locktype = 'relation' AND pid IS DISTINCT FROM pg_backend_pid() "
    "AND database IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) "
    "AND mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock')), "
    "holders AS (SELECT relation, pid, mode = 'AccessExclusiveLock' AS stops_reads FROM locked "
    "WHERE granted UNION SELECT relation, nullif(blocker, 0), mode = 'AccessExclusiveLock' "
    "FROM locked CROSS JOIN unnest(pg_blocking_pids(pid)) AS blocker "
    "WHERE NOT granted AND blocker <> pg_backend_pid()) "
    "SELECT array_agg(c.relname::text ORDER BY h.stops_reads DESC, c.relname), h.pid, "
    "a.application_name, a.state, "
    "extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds "
    "FROM holders h JOIN pg_class c ON c.oid = h.relation AND c.relkind IN ('r', 'p', 'm') "
    "LEFT JOIN pg_stat_activity a ON a.pid = h.pid "
    "WHERE %(oid)s::oid IS NULL OR h.relation = %(oid)s::oid "
    "GROUP BY h.pid, a.application_name, a.state, a.xact_start "
    "ORDER BY bool_or(h.stops_reads) DESC, seconds DESC NULLS LAST LIMIT {}"
).format(sql.Literal(MOST_SHOWN))
"""Tables, pid (NULL: prepared transactions), application, state, age of the transaction.

Of the table ``oid``, or of every table if it is NULL. Also who is ahead of a session that waits for
such a lock: all others wait behind that one. The query text is left out on purpose: it may hold a
token. No lock.
"""


@dataclass(frozen=True, slots=True)
class TableLocks:
    """A session that locks tables; state and age are None where they are hidden."""

    tables: tuple[str, ...]
    pid: int | None
    application: str | None
    state: str | None
    seconds: float | None

    def __str__(self) -> str:
        tables = list(dict.fromkeys(self.tables))
        shown = ", ".join(tables[:MOST_SHOWN])
        if len(tables) > MOST_SHOWN:
            shown += f" and {len(tables) - MOST_SHOWN} more"
        if self.pid is None:
            return f"{shown} by a prepared transaction (pg_prepared_xacts lists them)"
        age = "age –" if self.seconds is None else f"open for {self.seconds:.0f} s"
        what = ", ".join(filter(None, (self.application, self.state or "state –")))
        return f"{shown} by pid {self.pid} ({what}, transaction {age})"


def locked_by(connection: Connection, oid: int | None = None) -> str:
    """Return which tables, or whether the table ``oid``, are locked by whom, as "; locked: ...".

    Empty where nobody is seen any more, or the server cannot be asked.
    """
    try:
        rows = connection.rows(TABLE_LOCKS, {"oid": oid})
    except driver.Error:
        return ""
    found = [TableLocks(tuple(tables), *session) for tables, *session in rows]
    return f"; locked: {', '.join(map(str, found))}" if found else ""


def table_locks_after(error: Exception, database: str) -> str:
    """``locked_by``, asked in a session of its own, where an error of Django's is of a lock."""
    if fault_of(error) is not Fault.LOCKED:
        return ""
    connection = Connection(database)
    try:
        return locked_by(connection)
    finally:
        connection.close()
